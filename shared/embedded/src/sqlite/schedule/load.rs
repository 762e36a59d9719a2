//! Loads the waiting jobs at start-up. A row that is not a job becomes a dead letter: it must not
//! block all the others.

use fluxgate_core::Result;
use fluxgate_core::task::Lane;
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::super::error::database;
use super::{Effect, Entry};

pub(super) fn waiting(connection: &Connection) -> Result<Vec<Effect>> {
    let mut statement = connection
        .prepare("SELECT key, due_at, failures, body FROM jobs")
        .map_err(database("load the queue"))?;
    let mut rows = statement.query([]).map_err(database("load the queue"))?;
    let (mut jobs, mut unreadable) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next().map_err(database("load the queue"))? {
        let key: String = row.get(0).map_err(database("load the queue"))?;
        match entry(row) {
            Ok(entry) => jobs.push(Effect::Due { key, entry }),
            Err(reason) => unreadable.push((key, reason)),
        }
    }
    for (key, reason) in unreadable {
        tracing::error!(
            job = key,
            reason,
            "a stored job cannot be read and was moved to the dead letters"
        );
        bury(connection, &key, &format!("unreadable: {reason}"))
            .map_err(database("write a dead letter"))?;
    }
    Ok(jobs)
}

fn entry(row: &rusqlite::Row<'_>) -> std::result::Result<Entry, String> {
    let read = || Ok((row.get(1)?, row.get(2)?, row.get::<_, String>(3)?));
    let (due, failures, body) = read().map_err(|error: rusqlite::Error| error.to_string())?;
    let job = serde_json::from_str(&body).map_err(|error| error.to_string())?;
    Ok(Entry {
        job,
        due: Timestamp(due),
        failures,
    })
}

fn bury(connection: &Connection, key: &str, reason: &str) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute(
        "INSERT INTO dead_letters (lane, reason, body) SELECT ?2, ?3, body FROM jobs WHERE key = ?1",
        params![key, lane(key).as_str(), reason],
    )?;
    transaction.execute("DELETE FROM jobs WHERE key = ?1", params![key])?;
    transaction.commit()
}

/// From the first part of its key; any other key goes to the watch lane.
fn lane(key: &str) -> Lane {
    match key.split('/').next() {
        Some("archive") => Lane::Archive,
        Some("deliver") => Lane::Notify,
        _ => Lane::Watch,
    }
}
