//! Which request an idempotency key stands for, and which task.

use fluxgate_core::id::TaskId;
use fluxgate_core::task::{Idempotency, Task};
use fluxgate_core::{Error, Kind, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::database;

pub(super) const KEY: &str =
    "SELECT request, task FROM idempotency WHERE tenant = ?1 AND key = ?2 AND expires_at > ?3";

pub(super) fn key_of(row: &Row<'_>) -> rusqlite::Result<([u8; 32], String)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// The task that the key stands for, unless it stands for another request.
pub(super) fn owner(
    found: Option<([u8; 32], String)>,
    idempotency: &Idempotency,
) -> Result<Option<TaskId>> {
    match found {
        None => Ok(None),
        Some((request, id)) if request == idempotency.request => TaskId::parse(&id).map(Some),
        Some(_) => Err(Error::new(
            Kind::KeyReused,
            "idempotency_key_reused",
            "this Idempotency-Key was used for another request; use a new key for a new request",
        )
        .field("Idempotency-Key")),
    }
}

/// The task that the key stands for when this one is admitted.
pub(super) fn existing(
    connection: &Connection,
    task: &Task,
    idempotency: &Idempotency,
) -> Result<Option<TaskId>> {
    let found = connection
        .prepare_cached(KEY)
        .and_then(|mut statement| {
            let key = params![
                task.tenant.as_str(),
                idempotency.key.as_str(),
                task.created_at.0
            ];
            statement.query_row(key, key_of).optional()
        })
        .map_err(database("read an idempotency key"))?;
    owner(found, idempotency)
}

pub(super) fn remember(
    connection: &Connection,
    task: &Task,
    idempotency: &Idempotency,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency (tenant, key, request, task, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                task.tenant.as_str(),
                idempotency.key.as_str(),
                idempotency.request,
                task.id.as_str(),
                idempotency.expires_at.0
            ])
        })
        .map(drop)
        .map_err(database("write an idempotency key"))
}
