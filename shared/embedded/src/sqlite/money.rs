//! Movements on an account, inside the transaction that causes them.

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::day_sums::{Origin, Sums};
use fluxgate_core::money::{
    Account, EntryKind, Hold, HoldTerms, KeyCount, LedgerEntry, MicroUsd, Settlement,
};
use fluxgate_core::task::{Admission, Task};
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::day_sums;
use super::error::{database, parsed, unwritable};
use super::key_use;

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

/// Enters an operator's movement, at its time or at the beginning of the open day, and adds it to
/// the day's sums. It may be about what a model and a key have used.
///
/// Fails on a second entry of the same kind and reference.
pub(super) fn enter(
    connection: &Connection,
    tenant: &TenantId,
    origin: &Origin,
    entry: &LedgerEntry,
) -> Result<()> {
    let open = day_sums::open(connection, tenant, entry.at)?;
    let at = open.time_of(entry.at);
    insert(
        connection,
        tenant,
        &LedgerEntry {
            at,
            ..entry.clone()
        },
    )?;
    day_sums::add(connection, tenant, open.day, origin, &Sums::of_entry(entry))
}

/// Fails on a second entry of the same kind and reference: nothing is captured or released twice.
fn insert(connection: &Connection, tenant: &TenantId, entry: &LedgerEntry) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO ledger (tenant, reference, kind, amount, at, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                tenant.as_str(),
                entry.reference,
                entry.kind.as_str(),
                entry.amount.0,
                entry.at.0,
                entry.reason
            ])
        })
        .map(drop)
        .map_err(database("write the ledger"))
}

/// Where the task is to be counted if its API key has a limit, which covers it.
pub(super) fn key_count(
    connection: &Connection,
    admission: &Admission,
) -> Result<Option<KeyCount>> {
    if admission.key_terms.is_none() {
        return Ok(None);
    }
    let account = read(connection, &admission.task.tenant)?;
    key_use::checked(connection, &account, admission)
}

/// Counts a new task where it says.
pub(super) fn count_key(connection: &Connection, task: &Task) -> Result<()> {
    match &task.key_count {
        Some(count) => key_use::hold(connection, &task.tenant, count, task.price),
        None => Ok(()),
    }
}

/// Holds the task's price and returns the hold to store with the task.
pub(super) fn hold(connection: &Connection, task: &Task, terms: &HoldTerms) -> Result<Hold> {
    let tenant = &task.tenant;
    let (account, hold) = read(connection, tenant)?.hold(terms)?;
    let open = day_sums::open(connection, tenant, terms.at)?;
    let at = open.time_of(terms.at);
    if terms.counts() {
        write(connection, tenant, &account)?;
    }
    let reference = task.id.to_string();
    insert(
        connection,
        tenant,
        &LedgerEntry {
            kind: EntryKind::Hold,
            reference,
            amount: terms.price,
            at,
            reason: None,
        },
    )?;
    let sums = Sums::of_hold(terms.price);
    day_sums::add(connection, tenant, open.day, &Origin::of(task), &sums)?;
    let held_at = (at != terms.at).then_some(at);
    Ok(Hold { held_at, ..hold })
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
    let open = day_sums::open(connection, tenant, task.since)?;
    let at = open.time_of(task.since);
    if let Some(count) = &task.key_count {
        key_use::release(connection, tenant, count, settlement.release)?;
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
        insert(
            connection,
            tenant,
            &LedgerEntry {
                kind,
                reference: task.id.to_string(),
                amount,
                at,
                reason: None,
            },
        )?;
    }
    let sums = Sums::of_end(task, settlement, open.month_from);
    day_sums::add(connection, tenant, open.day, &Origin::of(task), &sums)?;
    let hold = account.hold_at_end(task.hold, task.created_at);
    let settled_at = (at != task.since).then_some(at);
    Ok(Hold { settled_at, ..hold })
}

/// The columns that [`entry_of`] reads.
pub(super) const ENTRY: &str = "reference, kind, amount, at, reason";

pub(super) fn entry_of(row: &Row<'_>) -> rusqlite::Result<(String, LedgerEntry)> {
    let kind: String = row.get(1)?;
    let entry = LedgerEntry {
        kind: EntryKind::TopUp,
        reference: row.get(0)?,
        amount: MicroUsd(row.get(2)?),
        at: Timestamp(row.get(3)?),
        reason: row.get(4)?,
    };
    Ok((kind, entry))
}

/// What [`entry_of`] read, with its kind.
pub(super) fn whole_entry((kind, entry): (String, LedgerEntry)) -> Result<LedgerEntry> {
    let kind = EntryKind::parse(&kind)?;
    Ok(LedgerEntry { kind, ..entry })
}

/// The entry of this kind and reference.
pub(super) fn entered(
    connection: &Connection,
    tenant: &TenantId,
    kind: EntryKind,
    reference: &str,
) -> Result<Option<LedgerEntry>> {
    let found = connection
        .query_row(
            &one_entry(),
            params![tenant.as_str(), reference, kind.as_str()],
            entry_of,
        )
        .optional()
        .map_err(database("read the ledger"))?;
    found.map(whole_entry).transpose()
}

/// The entry of a tenant, a reference and a kind.
pub(super) fn one_entry() -> String {
    format!("SELECT {ENTRY} FROM ledger WHERE tenant = ?1 AND reference = ?2 AND kind = ?3")
}
