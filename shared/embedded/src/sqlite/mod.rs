//! Every store and the queue in one SQLite file: WAL, `synchronous=FULL`, one writer with group
//! commit.

mod account_store;
mod audit_log;
mod batch_store;
mod connection;
mod deletion;
mod delivery_store;
mod encryption_check;
mod endpoint_store;
mod erasing;
mod error;
mod fair_queue_store;
mod folder_lock;
mod give_way;
mod idempotency;
mod inputs;
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

use fluxgate_core::port::Clock;
use fluxgate_core::{Error, Result};

pub use encryption_check::EncryptionCheck;
pub use folder_lock::FolderLock;
use give_way::give_way;
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
    /// `None` where the database was opened to be read alone.
    writer: Option<Arc<Writer>>,
    readers: Arc<Readers>,
    schedule: Arc<Schedule>,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens or creates `fluxgate.db` in the folder and loads the waiting jobs.
    ///
    /// Fails with kind `Internal` and one line of text if the folder cannot be written, the disk is
    /// full, or the database has another version.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = folder.join("fluxgate.db");
        let connection = connection::open_for_writing(&path)?;
        let schedule = Arc::new(Schedule::load(&connection, clock.clone())?);
        let readers = Arc::new(Readers::new(path));
        let writer = Arc::new(Writer::start(connection, schedule.clone())?);
        Ok(Self {
            writer: Some(writer),
            readers,
            schedule,
            clock,
        })
    }

    /// Brings everything that was committed into `fluxgate.db` itself, so that a copy of that file
    /// is whole. Blocks for two seconds at most. Kind `Unavailable` while another process reads.
    pub fn checkpoint(folder: &Path) -> Result<()> {
        connection::checkpoint(&folder.join("fluxgate.db"))
    }

    /// Reads all of the folder's database and fails with kind `Internal` and code
    /// `database_corrupt` where it is damaged. Disturbs nobody, and blocks for as long as the disk
    /// takes.
    pub fn check(folder: &Path) -> Result<()> {
        connection::check(&folder.join("fluxgate.db"))
    }

    /// Opens the folder's database to be read alone: no writer is started, no job is loaded, and
    /// whoever serves the folder is not disturbed. A write fails with code `opened_to_read`.
    ///
    /// A database of an older version is migrated first, as by [`SqliteStore::open`]: only where
    /// nobody serves it. Kind `Internal` as there.
    pub fn open_to_read(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = folder.join("fluxgate.db");
        if !migrations::is_done(&connection::open_for_reading(&path)?)? {
            drop(connection::open_for_writing(&path)?);
        }
        Ok(Self {
            writer: None,
            readers: Arc::new(Readers::new(path)),
            schedule: Arc::new(Schedule::empty(clock.clone())),
            clock,
        })
    }

    /// How many transactions were committed since the start. Each is one fsync of the write-ahead
    /// log.
    pub fn commits(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.commits())
    }

    /// The connections to read by, once others have had their turn on this thread.
    async fn reading(&self) -> &Readers {
        give_way().await;
        &self.readers
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.writer()?.run(Hurry::Now, work).await
    }

    /// For writes that no caller waits for.
    async fn write_soon<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.writer()?.run(Hurry::Soon, work).await
    }

    fn writer(&self) -> Result<&Writer> {
        self.writer.as_deref().ok_or_else(|| {
            let text = "the database was opened to be read alone, and nothing can be written";
            Error::internal("opened_to_read", text)
        })
    }
}
