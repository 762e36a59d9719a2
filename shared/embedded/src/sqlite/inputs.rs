//! Inputs: beside the tasks, because they may be megabytes, and for as long as somebody may need
//! them.

use fluxgate_core::Result;
use fluxgate_core::day::Day;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::Month;
use fluxgate_core::port::errors::no_such_task;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::seal::StoredText;
use fluxgate_core::task::{RETRY_INPUTS_BYTES_MAX, State, Task};
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::database;
use super::readers::Readers;
use super::stored_text;
use crate::input_keys::InputKeyFile;

/// Inputs of a completed task up to this size are kept as long as the task.
const KEPT_BYTES_MAX: usize = 256 * 1024;

pub(super) fn insert(connection: &Connection, task: &Task, inputs: &StoredText) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO inputs (tenant, id, body) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.execute(params![
                task.tenant.as_str(),
                task.id.as_str(),
                stored_text::of(inputs)
            ])
        })
        .map(drop)
        .map_err(database("write inputs"))
}

/// The tenant and the month of the first inputs whose key is not there. Of each tenant's month only
/// the oldest are looked at: keys that are lost are those of before.
pub(super) fn first_without_key(
    connection: &Connection,
    keys: &InputKeyFile,
) -> Result<Option<(TenantId, Month)>> {
    let sql = "SELECT tenant, id, substr(body, 1, 16) FROM inputs WHERE typeof(body) = 'blob'
         AND (tenant, id) >= (?1, ?2) ORDER BY tenant, id LIMIT 1";
    let mut statement = connection.prepare(sql).map_err(database("read inputs"))?;
    let mut place = (String::new(), String::new());
    loop {
        let found: Option<(String, String, Vec<u8>)> = statement
            .query_row([&place.0, &place.1], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(database("read inputs"))?;
        let Some((tenant, id, begin)) = found else {
            return Ok(None);
        };
        let tenant = TenantId::parse(&tenant)?;
        let month = Month::of_day(Day::of(TaskId::parse(&id)?.made_at()));
        let known = keys.keys(&tenant, month, SystemClock.now())?;
        if !known.knows(&StoredText::Sealed(begin)) {
            return Ok(Some((tenant, month)));
        }
        let next = TaskId::lowest_at(month.next().first_day().first());
        place = (tenant.into(), next.into());
    }
}

pub(super) fn read(
    readers: &Readers,
    tenant: &TenantId,
    id: &TaskId,
    now: Timestamp,
) -> Result<StoredText> {
    readers
        .row(
            "SELECT CASE WHEN expires_at <= ?3 THEN '{}' ELSE body END FROM inputs
             WHERE tenant = ?1 AND id = ?2",
            params![tenant.as_str(), id.as_str(), now.0],
            |row| stored_text::read(row, 0),
        )?
        .ok_or_else(no_such_task)
}

/// An inline picture is no longer needed. For a task that nobody pays for, what it takes to retry
/// it is kept for a while.
pub(super) fn drop_at_end(connection: &Connection, task: &Task) -> Result<()> {
    let kept_bytes_max = match task.state {
        State::Completed => KEPT_BYTES_MAX,
        _ => RETRY_INPUTS_BYTES_MAX,
    };
    let key = (task.tenant.as_str(), task.id.as_str());
    let write = |sql: &str, value: i64| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params![key.0, key.1, value]))
            .map(drop)
            .map_err(database("drop inputs"))
    };
    write(
        "UPDATE inputs SET body = '{}' WHERE tenant = ?1 AND id = ?2
         AND octet_length(body) > ?3",
        i64::try_from(kept_bytes_max).unwrap_or(i64::MAX),
    )?;
    match task.inputs_expire_at() {
        Some(at) => write(
            "UPDATE inputs SET expires_at = ?3 WHERE tenant = ?1 AND id = ?2 AND body <> '{}'",
            at.0,
        ),
        None => Ok(()),
    }
}

/// Returns how many were removed.
pub(super) fn expire(connection: &Connection, now: Timestamp, limit: usize) -> Result<usize> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .execute(
            "UPDATE inputs SET body = '{}', expires_at = NULL WHERE rowid IN (
               SELECT rowid FROM inputs WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
            params![now.0, limit],
        )
        .map_err(database("remove expired inputs"))
}
