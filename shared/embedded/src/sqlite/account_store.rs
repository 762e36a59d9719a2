//! Accounts and ledgers.

use async_trait::async_trait;
use fluxgate_core::audit::AuditEntry;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, Budget, EntryKind, LedgerEntry, MicroUsd};
use fluxgate_core::port::AccountStore;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind, Result};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::database;
use super::{SqliteStore, audit_log, money};

#[async_trait]
impl AccountStore for SqliteStore {
    async fn account(&self, tenant: &TenantId) -> Result<Account> {
        money::whole(self.readers.row(money::ACCOUNT, params![tenant.as_str()], money::account_of)?)
    }

    async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account> {
        let (tenant, reference, entry) = (tenant.clone(), reference.to_owned(), entry.clone());
        self.write(move |write| top_up(write.connection, &tenant, amount, reference, &entry)).await
    }

    async fn set_budget(
        &self,
        tenant: &TenantId,
        budget: Option<Budget>,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Account> {
        let (tenant, entry) = (tenant.clone(), entry.clone());
        self.write(move |write| {
            let account = money::read(write.connection, &tenant)?.set_budget(budget, now)?;
            money::write(write.connection, &tenant, &account)?;
            audit_log::add(write.connection, &entry)?;
            Ok(account)
        })
        .await
    }

    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        let rows = self.readers.rows(
            "SELECT reference, kind, amount, at FROM ledger WHERE tenant = ?1 ORDER BY at, reference",
            params![tenant.as_str()],
            money::entry_of,
        )?;
        rows.into_iter().map(|(kind, entry)| Ok(LedgerEntry { kind: money::entry_kind(&kind)?, ..entry })).collect()
    }
}

fn top_up(
    connection: &Connection,
    tenant: &TenantId,
    amount: MicroUsd,
    reference: String,
    entry: &AuditEntry,
) -> Result<Account> {
    let account = money::read(connection, tenant)?;
    match earlier(connection, tenant, &reference)? {
        Some(before) if before == amount => return Ok(account),
        Some(before) => {
            let text = format!("the reference '{reference}' was used for a top-up of {before}; use a new one");
            return Err(Error::new(Kind::Conflict, "reference_used", text));
        }
        None => {}
    }
    let account = account.top_up(amount)?;
    money::write(connection, tenant, &account)?;
    money::enter(connection, tenant, &LedgerEntry { kind: EntryKind::TopUp, reference, amount, at: entry.at })?;
    audit_log::add(connection, entry)?;
    Ok(account)
}

fn earlier(connection: &Connection, tenant: &TenantId, reference: &str) -> Result<Option<MicroUsd>> {
    connection
        .query_row(
            "SELECT amount FROM ledger WHERE tenant = ?1 AND reference = ?2 AND kind = 'top_up'",
            params![tenant.as_str(), reference],
            |row| row.get(0).map(MicroUsd),
        )
        .optional()
        .map_err(database("read the ledger"))
}
