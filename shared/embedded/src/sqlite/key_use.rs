//! What API keys with a limit use in a month, inside the transaction that holds or releases it.

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, KeyCount, MicroUsd};
use fluxgate_core::task::Admission;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::database;

pub(super) const USED: &str =
    "SELECT used FROM key_use WHERE tenant = ?1 AND counter = ?2 AND month = ?3";

/// Where a new task is to be counted, to be stored with the task. Fails as
/// [`KeyTerms::check`](fluxgate_core::money::KeyTerms::check) does.
pub(super) fn checked(
    connection: &Connection,
    account: &Account,
    admission: &Admission,
) -> Result<Option<KeyCount>> {
    let Some(terms) = &admission.key_terms else {
        return Ok(None);
    };
    let task = &admission.task;
    let count = terms.counted_in(account, task.created_at);
    terms.check(used(connection, &task.tenant, &count)?, task.price)?;
    Ok(Some(count))
}

/// Counts a new task.
pub(super) fn hold(
    connection: &Connection,
    tenant: &TenantId,
    count: &KeyCount,
    price: MicroUsd,
) -> Result<()> {
    add(connection, tenant, count, price)
}

/// What a task does not cost in the end is given back to the month that it was counted in.
pub(super) fn release(
    connection: &Connection,
    tenant: &TenantId,
    count: &KeyCount,
    amount: MicroUsd,
) -> Result<()> {
    add(connection, tenant, count, MicroUsd(-amount.0))
}

fn used(connection: &Connection, tenant: &TenantId, count: &KeyCount) -> Result<MicroUsd> {
    let KeyCount { counter, month } = count;
    connection
        .query_row(
            USED,
            params![tenant.as_str(), counter.as_str(), month.to_string()],
            |row| row.get(0).map(MicroUsd),
        )
        .optional()
        .map(|used| used.unwrap_or(MicroUsd::ZERO))
        .map_err(database("read what an API key uses"))
}

fn add(
    connection: &Connection,
    tenant: &TenantId,
    count: &KeyCount,
    amount: MicroUsd,
) -> Result<()> {
    if amount == MicroUsd::ZERO {
        return Ok(());
    }
    let KeyCount { counter, month } = count;
    connection
        .execute(
            "INSERT INTO key_use (tenant, counter, month, used) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET used = used + excluded.used",
            params![
                tenant.as_str(),
                counter.as_str(),
                month.to_string(),
                amount.0
            ],
        )
        .map(drop)
        .map_err(database("write what an API key uses"))
}
