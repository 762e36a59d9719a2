//! Tenants as they were parsed last. A tenant's record is read for every request and seldom
//! changes, so it is parsed again only when its text differs. What counts is always what the
//! database says, whoever wrote it.

use std::sync::Arc;

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::Tenant;
use quick_cache::sync::Cache;
use rusqlite::Row;

/// Tenants that are remembered; others are parsed each time. One takes a few kilobytes.
const TENANTS_MAX: usize = 500;

pub(super) struct ParsedTenants(Cache<TenantId, Arc<Parsed>>);

struct Parsed {
    text: String,
    tenant: Arc<Tenant>,
}

/// What a row holds.
pub(super) enum Read {
    AsBefore(Arc<Tenant>),
    /// The text of the record.
    Changed(String),
}

impl Default for ParsedTenants {
    fn default() -> Self {
        Self(Cache::new(TENANTS_MAX))
    }
}

impl ParsedTenants {
    /// Reads the text in the row's first column, without a copy if it is the known one.
    pub(super) fn read(&self, id: &TenantId, row: &Row<'_>) -> rusqlite::Result<Read> {
        let text = row.get_ref(0)?.as_str()?;
        Ok(match self.0.get(id) {
            Some(known) if known.text == text => Read::AsBefore(known.tenant.clone()),
            _ => Read::Changed(text.to_owned()),
        })
    }

    /// The tenant of what was read.
    pub(super) fn parsed(
        &self,
        id: &TenantId,
        read: Read,
        parse: impl FnOnce(&str) -> Result<Tenant>,
    ) -> Result<Arc<Tenant>> {
        let text = match read {
            Read::AsBefore(tenant) => return Ok(tenant),
            Read::Changed(text) => text,
        };
        let tenant = Arc::new(parse(&text)?);
        let parsed = Parsed {
            text,
            tenant: tenant.clone(),
        };
        self.0.insert(id.clone(), Arc::new(parsed));
        Ok(tenant)
    }

    /// There is no such tenant any more.
    pub(super) fn forget(&self, id: &TenantId) {
        self.0.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use fluxgate_core::port::{Ids as _, SystemClock, SystemEntropy, TenantStore as _};
    use fluxgate_core::tenant::{Actor, AuditAction, AuditEntry, Destination, TenantState};
    use fluxgate_core::time::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::SqliteStore;

    fn tenant(version: u64, state: TenantState) -> Tenant {
        let tenant = json!({
            "id": "acme", "created_at": 0, "state": state, "trust": [],
            "destination": Destination::default(), "webhook_secret": "whsec_x", "version": version,
        });
        serde_json::from_value(tenant).unwrap()
    }

    fn entry() -> AuditEntry {
        AuditEntry {
            id: SystemEntropy.audit_id(Timestamp(0)),
            at: Timestamp(0),
            actor: Actor::new("somebody"),
            action: AuditAction::TenantChanged,
            tenant: None,
            detail: json!({}),
        }
    }

    #[tokio::test]
    async fn a_record_is_parsed_again_when_another_process_changed_it_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
        let (store, other) = (open(), open());
        let created = tenant(1, TenantState::Active);
        store.create(&created, &entry()).await.unwrap();
        let first = store.get_eventual(&created.id).await.unwrap();
        let again = store.get_eventual(&created.id).await.unwrap();

        let suspended = tenant(2, TenantState::Suspended);
        other.update(&suspended, &entry()).await.unwrap();
        let changed = store.get_eventual(&created.id).await.unwrap();
        other.delete(&created.id, 2, &entry()).await.unwrap();
        let deleted = store.get_eventual(&created.id).await;

        assert!(Arc::ptr_eq(&first, &again), "it is not parsed twice");
        assert_eq!(
            (changed.version, changed.state),
            (2, TenantState::Suspended)
        );
        assert!(deleted.is_err());
    }
}
