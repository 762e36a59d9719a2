//! Reads waiting jobs from their table. A row that is not a job becomes a dead letter: it must not
//! block all the others.

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::super::error::database;
use super::super::writer::Write;
use super::lane::{Page, Wanted};
use super::part::Part;
use super::stored::Position;
use super::{Effect, Entry};

/// Jobs that are due within this time are read with those that are due.
const READ_AHEAD_MS: u64 = 1_000;

/// Rows that are read at once, for all tenants.
const ROWS_MAX: usize = 256;

pub(super) const NEXT_TENANT: &str = "SELECT tenant, due_at, key FROM jobs
    WHERE part = ?1 AND tenant >= ?2 ORDER BY tenant, due_at, key LIMIT 1";

pub(super) const PAGE: &str = "SELECT key, due_at, failures, body FROM jobs
    WHERE part = ?1 AND tenant = ?2 AND (due_at, key) >= (?3, ?4) ORDER BY due_at, key LIMIT ?5";

/// The first of each tenant's jobs in a part: a step for each tenant, however many jobs there are.
/// Rows of what is no tenant become dead letters.
pub(super) fn first_positions(
    connection: &Connection,
    part: Part,
    now: Timestamp,
) -> Result<Vec<(TenantId, Position)>> {
    let mut first = Vec::new();
    let mut after = String::new();
    while let Some((tenant, due, key)) = next_tenant(connection, part, &after)? {
        match TenantId::parse(&tenant) {
            // A due time that is none sorts after all others, so there are only such rows.
            Ok(id) => first.push((id, (due.unwrap_or(Timestamp(0)), key))),
            Err(_) => bury_all(connection, part, &tenant, now)?,
        }
        after = format!("{tenant}\0");
    }
    Ok(first)
}

type First = (String, Option<Timestamp>, String);

fn next_tenant(connection: &Connection, part: Part, from: &str) -> Result<Option<First>> {
    let first = |row: &Row<'_>| {
        Ok((
            row.get(0)?,
            row.get(1).ok().map(Timestamp),
            row.get::<_, String>(2)?,
        ))
    };
    connection
        .prepare_cached(NEXT_TENANT)
        .and_then(|mut statement| {
            statement
                .query_row(params![part.as_str(), from], first)
                .optional()
        })
        .map_err(database("load the queue"))
}

/// Reads what is wanted, in the order of the writes: the schedule gets it with what they change.
pub(in crate::sqlite) fn read(
    write: &mut Write<'_>,
    part: Part,
    wanted: Wanted,
    now: Timestamp,
) -> Result<()> {
    let connection = write.connection;
    let rows_max = (ROWS_MAX / wanted.tenants.len().max(1)).max(1);
    let mut pages = Vec::with_capacity(wanted.tenants.len());
    for (tenant, from) in wanted.tenants {
        pages.push(read_page(connection, part, (tenant, from), rows_max, now)?);
    }
    let mut hastened = Vec::new();
    for (key, job) in wanted.asked {
        hastened.extend(read_job(connection, &key, &job)?.map(|entry| (key, entry)));
    }
    write.after_commit(Effect::Read {
        part,
        pages,
        hastened,
    });
    Ok(())
}

fn read_page(
    connection: &Connection,
    part: Part,
    (tenant, from): (TenantId, Position),
    rows_max: usize,
    now: Timestamp,
) -> Result<Page> {
    let mut statement = connection
        .prepare_cached(PAGE)
        .map_err(database("load the queue"))?;
    let most = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let of = params![part.as_str(), tenant.as_str(), from.0.0, from.1, most];
    let mut rows = statement.query(of).map_err(database("load the queue"))?;
    let (mut jobs, mut next, mut count) = (Vec::new(), None, 0);
    let mut last = from.clone();
    while let Some(row) = rows.next().map_err(database("load the queue"))? {
        count += 1;
        let key: String = row.get(0).map_err(database("load the queue"))?;
        match entry(row) {
            Ok(entry) if entry.due > now.plus_ms(READ_AHEAD_MS) => {
                next = Some((entry.due, key));
                break;
            }
            Ok(entry) => {
                last = (entry.due, key.clone());
                jobs.push((key, entry));
            }
            Err(reason) => bury(connection, part, &key, &reason, now)?,
        }
    }
    if next.is_none() && count == rows_max {
        next = Some(after(last));
    }
    Ok(Page {
        tenant,
        from,
        jobs,
        next,
    })
}

/// The first position behind this one.
fn after((due, key): Position) -> Position {
    (due, format!("{key}\0"))
}

/// The job's row, if it is still this job's.
fn read_job(connection: &Connection, key: &str, job: &Job) -> Result<Option<Entry>> {
    let read = connection
        .prepare_cached("SELECT key, due_at, failures, body FROM jobs WHERE key = ?1")
        .and_then(|mut statement| statement.query_row([key], |row| Ok(entry(row))).optional())
        .map_err(database("load the queue"))?;
    Ok(read
        .and_then(std::result::Result::ok)
        .filter(|entry| entry.job == *job))
}

fn entry(row: &Row<'_>) -> std::result::Result<Entry, String> {
    let read = || Ok((row.get(1)?, row.get(2)?, row.get::<_, String>(3)?));
    let (due, failures, body) = read().map_err(|error: rusqlite::Error| error.to_string())?;
    let job = serde_json::from_str(&body).map_err(|error| error.to_string())?;
    Ok(Entry {
        job,
        due: Timestamp(due),
        failures,
    })
}

fn bury_all(connection: &Connection, part: Part, tenant: &str, now: Timestamp) -> Result<()> {
    let keys: rusqlite::Result<Vec<String>> = connection
        .prepare_cached("SELECT key FROM jobs WHERE part = ?1 AND tenant = ?2")
        .and_then(|mut statement| {
            let keys = statement.query_map(params![part.as_str(), tenant], |row| row.get(0))?;
            keys.collect()
        });
    for key in keys.map_err(database("load the queue"))? {
        bury(connection, part, &key, "its key names no tenant", now)?;
    }
    Ok(())
}

fn bury(
    connection: &Connection,
    part: Part,
    key: &str,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    tracing::error!(
        job = key,
        reason,
        "a stored job cannot be read and was moved to the dead letters"
    );
    let of = params![
        key,
        part.lane().as_str(),
        format!("unreadable: {reason}"),
        now.0
    ];
    let sql = "INSERT INTO dead_letters (lane, reason, body, at)
               SELECT ?2, ?3, body, ?4 FROM jobs WHERE key = ?1";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(of))
        .and_then(|_| {
            connection
                .prepare_cached("DELETE FROM jobs WHERE key = ?1")?
                .execute([key])
        })
        .map(drop)
        .map_err(database("write a dead letter"))
}
