//! The admin tokens: one row.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::admin::AdminTokens;
use fluxgate_core::port::AdminTokenStore;
use fluxgate_core::port::errors::version_moved;
use fluxgate_core::tenant::AuditEntry;
use rusqlite::{Connection, params};

use super::erasing::erasing;
use super::error::{database, parsed, unwritable};
use super::{SqliteStore, audit_log};

#[async_trait]
impl AdminTokenStore for SqliteStore {
    async fn admin_tokens(&self) -> Result<AdminTokens> {
        let read = "SELECT body FROM admin_tokens";
        let reading = self.reading().await;
        let body = reading.row(read, [], |row| row.get::<_, String>(0))?;
        body.map_or_else(
            || Ok(AdminTokens::default()),
            |body| parsed(&body, format_args!("the admin tokens")),
        )
    }

    async fn replace_admin_tokens(&self, tokens: &AdminTokens, entry: &AuditEntry) -> Result<()> {
        let (tokens, entry) = (tokens.clone(), entry.clone());
        self.write(move |write| {
            erasing(write.connection, |connection| {
                replace(connection, &tokens)?;
                audit_log::add(connection, &entry)
            })
        })
        .await
    }
}

fn replace(connection: &Connection, tokens: &AdminTokens) -> Result<()> {
    let body = serde_json::to_string(tokens).map_err(unwritable)?;
    let version = i64::try_from(tokens.version).unwrap_or(i64::MAX);
    let write = if version == 1 {
        "INSERT OR IGNORE INTO admin_tokens (id, version, body) VALUES (1, ?1, ?2)"
    } else {
        "UPDATE admin_tokens SET version = ?1, body = ?2 WHERE id = 1 AND version = ?1 - 1"
    };
    let written = connection
        .execute(write, params![version, body])
        .map_err(database("write the admin tokens"))?;
    if written == 0 {
        return Err(version_moved(
            "the admin tokens were changed meanwhile; try again",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fluxgate_core::Reason;
    use fluxgate_core::admin::{AdminCaller, AdminScope, Holder, NewAdminToken};
    use fluxgate_core::id::AdminTokenName;
    use fluxgate_core::port::{Clock as _, Ids as _, SystemClock, SystemEntropy, TenantStore as _};
    use fluxgate_core::tenant::{Actor, AuditAction};

    use super::*;

    fn entry() -> AuditEntry {
        let now = SystemClock.now();
        AuditEntry {
            id: SystemEntropy.audit_id(now),
            at: now,
            actor: Actor::cli(),
            action: AuditAction::AdminTokenCreated,
            tenant: None,
            detail: serde_json::json!({}),
        }
    }

    #[tokio::test]
    async fn of_two_changes_to_one_version_one_is_written_with_its_entry_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
        let caller = AdminCaller {
            actor: Actor::cli(),
            scopes: AdminScope::all(),
        };
        let mut tokens = store.admin_tokens().await.unwrap();
        assert_eq!(tokens, AdminTokens::default());
        for version in 1..=2 {
            let new = NewAdminToken {
                name: AdminTokenName::parse(&format!("t{version}")).unwrap(),
                scopes: [AdminScope::Read].into(),
                lifetime_ms: None,
            };
            tokens.add(new, "one", &caller, SystemClock.now()).unwrap();
            tokens.version = version;

            store.replace_admin_tokens(&tokens, &entry()).await.unwrap();
            let late = store
                .replace_admin_tokens(&tokens, &entry())
                .await
                .unwrap_err();

            assert!(late.is(Reason::VersionMoved), "{late}");
        }
        assert_eq!(store.admin_tokens().await.unwrap(), tokens);
        let holder = tokens.holder("one", None, SystemClock.now());
        assert!(matches!(holder, Holder::Caller(_)));
        assert_eq!(store.audit_log(None, 9).await.unwrap().len(), 2);
    }
}
