//! Movements on an account, inside the transaction that causes them.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, EntryKind, LedgerEntry, MicroUsd, Settlement};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::database;

pub(super) const ACCOUNT: &str = "SELECT available, held, captured FROM accounts WHERE tenant = ?1";

pub(super) fn account_of(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { available: MicroUsd(row.get(0)?), held: MicroUsd(row.get(1)?), captured: MicroUsd(row.get(2)?) })
}

pub(super) fn read(connection: &Connection, tenant: &TenantId) -> Result<Account> {
    connection
        .prepare_cached(ACCOUNT)
        .and_then(|mut statement| statement.query_row(params![tenant.as_str()], account_of).optional())
        .map(Option::unwrap_or_default)
        .map_err(database("read an account"))
}

pub(super) fn write(connection: &Connection, tenant: &TenantId, account: Account) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO accounts (tenant, available, held, captured) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| {
            statement.execute(params![tenant.as_str(), account.available.0, account.held.0, account.captured.0])
        })
        .map(drop)
        .map_err(database("write an account"))
}

/// Fails on a second entry of the kind for the same reference: nothing is captured or released twice.
pub(super) fn enter(connection: &Connection, tenant: &TenantId, entry: &LedgerEntry) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO ledger (tenant, reference, kind, amount, at) VALUES (?1, ?2, ?3, ?4, ?5)")
        .and_then(|mut statement| {
            statement.execute(params![
                tenant.as_str(),
                entry.reference,
                entry.kind.as_str(),
                entry.amount.0,
                entry.at.0
            ])
        })
        .map(drop)
        .map_err(database("write the ledger"))
}

/// Reserves the price of a task.
pub(super) fn hold(
    connection: &Connection,
    tenant: &TenantId,
    reference: &str,
    price: MicroUsd,
    at: Timestamp,
) -> Result<()> {
    let account = read(connection, tenant)?.hold(price)?;
    write(connection, tenant, account)?;
    enter(
        connection,
        tenant,
        &LedgerEntry { kind: EntryKind::Hold, reference: reference.to_owned(), amount: price, at },
    )
}

/// Ends the hold of a task.
pub(super) fn settle(
    connection: &Connection,
    tenant: &TenantId,
    reference: &str,
    settlement: Settlement,
    at: Timestamp,
) -> Result<()> {
    let account = read(connection, tenant)?.settle(settlement)?;
    write(connection, tenant, account)?;
    let parts = [(EntryKind::Capture, settlement.capture), (EntryKind::Release, settlement.release)];
    for (kind, amount) in parts.into_iter().filter(|(_, amount)| *amount > MicroUsd::ZERO) {
        enter(connection, tenant, &LedgerEntry { kind, reference: reference.to_owned(), amount, at })?;
    }
    Ok(())
}

pub(super) fn entry_of(row: &Row<'_>) -> rusqlite::Result<(String, LedgerEntry)> {
    let kind: String = row.get(1)?;
    let entry = LedgerEntry {
        kind: EntryKind::TopUp,
        reference: row.get(0)?,
        amount: MicroUsd(row.get(2)?),
        at: Timestamp(row.get(3)?),
    };
    Ok((kind, entry))
}

pub(super) fn entry_kind(text: &str) -> Result<EntryKind> {
    [EntryKind::TopUp, EntryKind::Hold, EntryKind::Capture, EntryKind::Release]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| Error::internal("row_unreadable", format!("the ledger holds an entry of unknown kind '{text}'")))
}
