//! One transaction for the requests of a group.

use std::time::Instant;

use fluxgate_core::{Error, Result};
use rusqlite::Connection;

use super::super::error::database;
use super::super::schedule::Effect;
use super::{Request, Write};
use crate::pace::Pace;

pub(super) type Committed = Result<(), Error>;

/// Runs all requests of the group and commits what succeeded. Most groups run straight on: who
/// fails mostly does so before it has written. Only when one fails later is all undone and run
/// again, each in a savepoint, which costs a copy of every page that it touches.
///
/// Returns whether anything was written: what only reads costs no write to the disk.
pub(super) fn commit(
    connection: &Connection,
    group: &mut [Request],
    effects: &mut Vec<Effect>,
    pace: Option<&mut Pace>,
) -> Result<bool> {
    let before = connection.total_changes();
    let committed = run_straight(connection, group, effects).and_then(|is_whole| {
        if !is_whole {
            undo(connection, effects);
            run_contained(connection, group, effects)?;
        }
        let (began, has_written) = (Instant::now(), connection.total_changes() != before);
        execute(connection, "COMMIT")?;
        if has_written && let Some(pace) = pace {
            let ended = Instant::now();
            let hurries = group.iter().map(|request| request.hurry);
            pace.committed(hurries, ended - began, ended);
        }
        Ok(has_written)
    });
    if committed.is_err() {
        undo(connection, effects);
    }
    committed
}

/// False if one failed after it had written, or SQLite has rolled all back.
fn run_straight(
    connection: &Connection,
    group: &mut [Request],
    effects: &mut Vec<Effect>,
) -> Result<bool> {
    execute(connection, "BEGIN IMMEDIATE")?;
    for request in group {
        let (written, applied) = (connection.total_changes(), effects.len());
        let failed = request
            .work
            .run(&mut Write {
                connection,
                effects,
            })
            .is_err();
        let has_written = connection.total_changes() != written;
        if connection.is_autocommit() || failed && has_written {
            return Ok(false);
        }
        if failed {
            effects.truncate(applied);
        }
    }
    Ok(true)
}

/// Each in a savepoint, so that one that fails takes its writes with it.
fn run_contained(
    connection: &Connection,
    group: &mut [Request],
    effects: &mut Vec<Effect>,
) -> Result<()> {
    execute(connection, "BEGIN IMMEDIATE")?;
    for request in group {
        let applied = effects.len();
        execute(connection, "SAVEPOINT request")?;
        let done = request.work.run(&mut Write {
            connection,
            effects,
        });
        if connection.is_autocommit() {
            // SQLite has rolled all back by itself, as it does on a full disk.
            return done.and_then(|()| execute(connection, "RELEASE request"));
        }
        if done.is_err() {
            effects.truncate(applied);
            execute(connection, "ROLLBACK TO request")?;
        }
        execute(connection, "RELEASE request")?;
    }
    Ok(())
}

fn undo(connection: &Connection, effects: &mut Vec<Effect>) {
    effects.clear();
    if !connection.is_autocommit() {
        drop(execute(connection, "ROLLBACK"));
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.raw_execute())
        .map(drop)
        .map_err(database("write"))
}
