//! Movements on an account, inside the transaction that causes them.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::{
    Account, EntryKind, Hold, HoldTerms, LedgerEntry, MicroUsd, Settlement,
};
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::{database, parsed, unwritable};

pub(super) const ACCOUNT: &str = "SELECT available, held, captured, credit, in_flight, allowance FROM accounts WHERE tenant = ?1";

/// The account without its budget, which is in the last column.
pub(super) fn account_of(row: &Row<'_>) -> rusqlite::Result<(Account, Option<String>)> {
    let amount = |n| row.get(n).map(MicroUsd);
    let (available, held, captured, credit) = (amount(0)?, amount(1)?, amount(2)?, amount(3)?);
    Ok((
        Account {
            available,
            held,
            captured,
            credit,
            in_flight: row.get(4)?,
            allowance: None,
        },
        row.get(5)?,
    ))
}

/// All zero if there is no row.
pub(super) fn whole(tenant: &TenantId, row: Option<(Account, Option<String>)>) -> Result<Account> {
    let (account, allowance) = row.unwrap_or_default();
    let what = format_args!("budget of tenant '{tenant}'");
    let allowance = allowance.map(|body| parsed(&body, what)).transpose()?;
    Ok(Account {
        allowance,
        ..account
    })
}

pub(super) fn read(connection: &Connection, tenant: &TenantId) -> Result<Account> {
    connection
        .prepare_cached(ACCOUNT)
        .and_then(|mut statement| {
            statement
                .query_row(params![tenant.as_str()], account_of)
                .optional()
        })
        .map_err(database("read an account"))
        .and_then(|row| whole(tenant, row))
}

pub(super) fn write(connection: &Connection, tenant: &TenantId, account: &Account) -> Result<()> {
    let allowance = account
        .allowance
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(unwritable)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO accounts
             (tenant, available, held, captured, credit, in_flight, allowance)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut statement| {
            let Account {
                available,
                held,
                captured,
                credit,
                in_flight,
                ..
            } = account;
            let amounts = [available, held, captured, credit].map(|amount| amount.0);
            let [available, held, captured, credit] = amounts;
            statement.execute(params![
                tenant.as_str(),
                available,
                held,
                captured,
                credit,
                in_flight,
                allowance
            ])
        })
        .map(drop)
        .map_err(database("write an account"))
}

/// Fails on a second entry of the same kind and reference: nothing is captured or released twice.
pub(super) fn enter(connection: &Connection, tenant: &TenantId, entry: &LedgerEntry) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO ledger (tenant, reference, kind, amount, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
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

/// Holds the task's price and returns the hold to store with the task.
pub(super) fn hold(connection: &Connection, task: &Task, terms: &HoldTerms) -> Result<Hold> {
    let tenant = &task.tenant;
    let (account, hold) = read(connection, tenant)?.hold(terms)?;
    if terms.counts() {
        write(connection, tenant, &account)?;
    }
    let reference = task.id.to_string();
    enter(
        connection,
        tenant,
        &LedgerEntry {
            kind: EntryKind::Hold,
            reference,
            amount: terms.price,
            at: terms.at,
        },
    )?;
    Ok(hold)
}

/// Ends a task's hold and returns the hold to store with the task.
pub(super) fn settle(connection: &Connection, task: &Task, settlement: Settlement) -> Result<Hold> {
    let tenant = &task.tenant;
    let account = read(connection, tenant)?;
    let settled = account
        .clone()
        .settle(settlement, &task.hold, task.created_at)?;
    if settled != account {
        write(connection, tenant, &settled)?;
    }
    let lent = if task.hold.on_credit {
        settlement.capture
    } else {
        MicroUsd::ZERO
    };
    let parts = [
        (EntryKind::Credit, lent),
        (EntryKind::Capture, settlement.capture),
        (EntryKind::Release, settlement.release),
    ];
    for (kind, amount) in parts
        .into_iter()
        .filter(|(_, amount)| *amount > MicroUsd::ZERO)
    {
        enter(
            connection,
            tenant,
            &LedgerEntry {
                kind,
                reference: task.id.to_string(),
                amount,
                at: task.since,
            },
        )?;
    }
    Ok(account.hold_at_end(task.hold, task.created_at))
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
    [
        EntryKind::TopUp,
        EntryKind::Hold,
        EntryKind::Credit,
        EntryKind::Capture,
        EntryKind::Release,
    ]
    .into_iter()
    .find(|kind| kind.as_str() == text)
    .ok_or_else(|| {
        Error::internal(
            "row_unreadable",
            format!("the ledger holds an entry of unknown kind '{text}'"),
        )
    })
}
