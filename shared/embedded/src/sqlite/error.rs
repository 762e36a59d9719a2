//! SQLite's errors in the core's words.

use fluxgate_core::{Error, Retry};
use rusqlite::ErrorCode;

/// Turns an error of SQLite into the core's, naming what was being done.
pub(super) fn database(operation: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| {
        let (code, text) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => ("disk_full", "the disk is full; free some space, nothing was lost"),
            Some(ErrorCode::SystemIoFailure) => {
                ("disk_failed", "the disk refuses to read or write; check its free space, its limits and its health")
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                ("database_busy", "another process holds the database")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                ("database_not_writable", "the data folder cannot be written; check its path and permissions")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                ("database_corrupt", "the database file is damaged; restore it from a backup")
            }
            _ => ("database", "the database failed"),
        };
        Error::internal(code, format!("cannot {operation}: {text}")).retry(Retry::Later).source(error)
    }
}

/// A stored body that no longer parses.
pub(super) fn unreadable(error: serde_json::Error) -> Error {
    Error::internal("row_unreadable", "a stored row cannot be read").source(error)
}

/// A noun that does not serialise; none of ours can fail.
pub(super) fn unwritable(error: serde_json::Error) -> Error {
    Error::internal("row_unwritable", "a row cannot be written").source(error)
}
