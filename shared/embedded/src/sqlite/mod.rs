//! Every store and the queue on one SQLite file: WAL, `synchronous=FULL`, one writer that groups
//! commits.

mod account_store;
mod audit_log;
mod connection;
mod delivery_store;
mod endpoint_store;
mod error;
mod fair_queue_store;
mod folder_lock;
mod migrations;
mod money;
mod queue;
mod readers;
mod schedule;
mod task_store;
mod tenant_store;
mod timeline;
mod usage_cursors;
mod writer;

use std::path::Path;
use std::sync::Arc;

use fluxgate_core::Result;
use fluxgate_core::port::Clock;

pub use folder_lock::FolderLock;
use readers::Readers;
use schedule::Schedule;
pub use schedule::in_hand_max;
use writer::{Hurry, Write, Writer};

/// The database of one data folder. Implements every store port and the queue.
///
/// Jobs are handed out by the one process that called [`SqliteStore::open`] for serving; other
/// processes may open the same folder to administer tenants and money.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    schedule: Arc<Schedule>,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens or creates `fluxgate.db` in the folder and loads the waiting jobs.
    ///
    /// Fails with kind `Internal` and one line of text when the folder cannot be written, the disk
    /// is full, or the database is of another version.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = folder.join("fluxgate.db");
        let connection = connection::open_for_writing(&path)?;
        let schedule = Arc::new(Schedule::load(&connection, clock.clone())?);
        let readers = Arc::new(Readers::new(path));
        let writer = Arc::new(Writer::start(connection, schedule.clone())?);
        Ok(Self {
            writer,
            readers,
            schedule,
            clock,
        })
    }

    /// How many transactions were committed since the start. Each is one fsync of the write-ahead
    /// log.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.writer.run(Hurry::Now, work).await
    }

    /// For what nobody waits for.
    async fn write_soon<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.writer.run(Hurry::Soon, work).await
    }
}
