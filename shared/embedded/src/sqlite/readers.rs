//! Reads: a few connections, used on the caller's own thread.
//!
//! A read touches a handful of cached pages and takes microseconds, less than a hand-over to
//! another thread.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use fluxgate_core::Result;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use super::connection::open_for_reading;
use super::damage::Damage;
use super::error::database;

/// Connections kept open between reads.
const IDLE_MAX: usize = 4;

pub(super) struct Readers {
    path: PathBuf,
    damage: Arc<Damage>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, damage: Arc<Damage>) -> Self {
        Self {
            path,
            damage,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// The first row, if there is one.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.with(|connection| {
            connection
                .prepare_cached(sql)?
                .query_row(params, read)
                .optional()
        })
    }

    /// Every row.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.with(|connection| {
            connection
                .prepare_cached(sql)?
                .query_map(params, read)?
                .collect()
        })
    }

    /// Several reads of one state.
    pub(super) fn snapshot<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.with(|connection| {
            let transaction = connection.unchecked_transaction()?;
            work(&transaction)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.damage.see(open_for_reading(&self.path))?,
        };
        let result = self.damage.see(work(&connection).map_err(database("read")));
        let mut idle = self.lock();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle
            .lock()
            .expect("no code panics while it holds the idle connections")
    }
}
