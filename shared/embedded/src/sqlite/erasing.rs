//! Writes after which the database holds nothing of what they replaced: secrets that an earlier
//! release stored in plain text do not stay in the free space of a page.

use fluxgate_core::Result;
use rusqlite::Connection;

use super::error::database;

/// Slower than another write, because freed pages are written too.
pub(super) fn erasing<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let erase = |sql: &str| {
        connection
            .query_row(sql, [], |_| Ok(()))
            .map_err(database("have what is replaced erased"))
    };
    erase("PRAGMA secure_delete = ON")?;
    let done = work(connection);
    erase("PRAGMA secure_delete = OFF")?;
    done
}
