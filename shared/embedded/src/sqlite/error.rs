//! SQLite's errors as core errors.

use std::fmt::Display;

use fluxgate_core::{Error, Kind, Reason, Result, Retry};
use rusqlite::ErrorCode;
use serde::de::DeserializeOwned;

/// What is said of a file that SQLite cannot read.
pub(super) const DAMAGED: &str = "the database file is damaged; restore the folder from a backup by \
     'fluxgate restore', as the guide to production says";

/// The code of its error.
pub(super) const CORRUPT: &str = "database_corrupt";

/// Turns an SQLite error into a core error that names the operation.
pub(crate) fn database(operation: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| {
        let (kind, code, text) = sort(error.sqlite_error_code());
        Error::new(kind, code, format!("cannot {operation}: {text}"))
            .retry(Retry::Later)
            .source(error)
    }
}

/// What passes without a change to the data, once there is room or the disk works, is
/// `Unavailable`: whoever asked may ask again.
fn sort(code: Option<ErrorCode>) -> (Kind, &'static str, &'static str) {
    match code {
        Some(ErrorCode::DiskFull) => (
            Kind::Unavailable,
            "disk_full",
            "the disk is full; free some space (nothing was lost)",
        ),
        Some(ErrorCode::SystemIoFailure) => (
            Kind::Unavailable,
            "disk_failed",
            "reading or writing the disk failed; check its free space, its limits and its health",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Kind::Unavailable,
            "database_busy",
            "another process holds the database",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => (
            Kind::Internal,
            "database_not_writable",
            "the data folder cannot be written; check its path and permissions",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (Kind::Internal, CORRUPT, DAMAGED)
        }
        _ => (Kind::Internal, "database", "the database failed"),
    }
}

/// Parses a stored row. If it does not parse: kind `Internal` with code `row_unreadable`, and the
/// message names the row.
pub(super) fn parsed<T: DeserializeOwned>(body: &str, what: impl Display) -> Result<T> {
    serde_json::from_str(body).map_err(|error| {
        let text = format!("the stored {what} cannot be read; restore it from a backup");
        Error::internal("row_unreadable", text)
            .because(Reason::Unreadable)
            .source(error)
    })
}

/// For a type that fails to serialise; none of ours can.
pub(super) fn unwritable(error: serde_json::Error) -> Error {
    Error::internal("row_unwritable", "a row cannot be written").source(error)
}
