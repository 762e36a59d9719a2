//! Every store and the queue in one SQLite file: WAL, `synchronous=FULL`, one writer with group
//! commit.

mod account_store;
mod admin_tokens;
mod alert_store;
mod api_key_store;
mod audit_log;
mod backup;
mod batch_store;
#[cfg(test)]
mod batch_store_tests;
mod books;
mod catalogue_store;
mod connection;
mod corrections;
mod cut_short;
mod damage;
mod day_store;
mod day_sums;
mod dead_letters;
mod deletion;
mod delivery_store;
#[cfg(test)]
mod disk_full;
mod encryption_check;
#[cfg(test)]
mod ended_jobs;
mod endpoint_store;
mod erasing;
mod error;
mod fair_queue_store;
mod folder_lock;
mod give_way;
mod idempotency;
mod input_key_store;
mod inputs;
mod inputs_drop;
mod key_use;
mod measures;
mod migrations;
mod money;
mod objects;
mod open_task_store;
mod parsed_tenants;
#[cfg(test)]
mod plans;
mod queue;
mod readers;
mod reports;
mod restoration_store;
mod retention;
mod schedule;
mod settling;
mod stored_text;
mod task_rows;
mod task_store;
mod tenant_store;
mod timeline;
mod trusts;
mod usage_cursors;
mod writer;

use std::path::Path;
use std::sync::Arc;

use fluxgate_core::id::TenantId;
use fluxgate_core::money::Month;
use fluxgate_core::port::Clock;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use rusqlite::Connection;

use crate::input_keys::InputKeyFile;
use crate::pace::Hurry;
pub use backup::{CopyProgress, object_files};
pub use catalogue_store::SqliteCatalogue;
use connection::Check;
use damage::Damage;
pub use encryption_check::EncryptionCheck;
pub(crate) use error::database;
pub use folder_lock::FolderLock;
use give_way::give_way;
pub use measures::{LaneMeasures, LiveTasks, Measures};
pub use migrations::{Migrated, SCHEMA_VERSION};
use objects::PendingObjects;
pub(crate) use objects::{ListedObject, ObjectName, ObjectRow};
use parsed_tenants::ParsedTenants;
use readers::Readers;
use reports::Reports;
use restoration_store::Drill;
use schedule::Schedule;
pub use schedule::in_hand_max;
use settling::Settling;
pub use writer::Commits;
use writer::{Bulk, Write, Writer};

/// The database of one data folder. Implements every store port and the queue.
///
/// Jobs are handed out by the one process that called [`SqliteStore::open`] for serving; other
/// processes may open the same folder to administer tenants and money.
#[derive(Clone)]
pub struct SqliteStore {
    /// `None` where the database was opened to be read alone.
    writer: Option<Arc<Writer>>,
    readers: Arc<Readers>,
    reports: Arc<Reports>,
    schedule: Arc<Schedule>,
    objects: Arc<PendingObjects>,
    settling: Arc<Settling>,
    tenants: Arc<ParsedTenants>,
    input_keys: Arc<InputKeyFile>,
    drill: Arc<Drill>,
    clock: Arc<dyn Clock>,
    damage: Arc<Damage>,
}

impl SqliteStore {
    /// Opens or creates `fluxgate.db` in the folder and finds out who has waiting jobs.
    ///
    /// Fails with kind `Internal` and one line of text if the folder cannot be written, the disk is
    /// full, or the database has another version.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = folder.join("fluxgate.db");
        let connection = connection::open_for_writing(&path)?;
        let schedule = Arc::new(Schedule::load(&connection, clock.clone())?);
        let drill = Arc::new(Drill::read(&connection)?);
        let damage = Arc::new(Damage::of(&path));
        let readers = Arc::new(Readers::new(path.clone(), damage.clone()));
        let writer = Arc::new(Writer::start(connection, schedule.clone())?);
        Ok(Self {
            writer: Some(writer),
            readers,
            reports: Arc::new(Reports::new(path, damage.clone())),
            schedule,
            objects: Arc::default(),
            settling: Arc::default(),
            tenants: Arc::default(),
            input_keys: Arc::new(InputKeyFile::of(folder)),
            drill,
            clock,
            damage,
        })
    }

    /// Brings everything that was committed into `fluxgate.db` itself, so that a copy of that file
    /// is whole. Blocks for two seconds at most. Kind `Unavailable` while another process reads.
    pub fn checkpoint(folder: &Path) -> Result<()> {
        connection::checkpoint(&folder.join("fluxgate.db"))
    }

    /// Whether the folder has a database with tenants in it, of whatever version. Makes nothing.
    pub fn has_tenants(folder: &Path) -> Result<bool> {
        connection::has_tenants(&folder.join("fluxgate.db"))
    }

    /// Reads all of the folder's database and fails with kind `Internal` and code
    /// `database_corrupt` where it is damaged. Disturbs nobody, and blocks for as long as the disk
    /// takes.
    pub fn check(folder: &Path) -> Result<()> {
        connection::check(&folder.join("fluxgate.db"), Check::Full)
    }

    /// The same without a comparison of tables with their indexes, which takes most of the time.
    pub fn check_quickly(folder: &Path) -> Result<()> {
        connection::check(&folder.join("fluxgate.db"), Check::Quick)
    }

    /// A tenant and a month whose inputs are sealed with a key that is not in the folder's file of
    /// [`crate::input_keys`]; `None` if each month's first inputs can be read. Blocks.
    pub fn inputs_without_key(folder: &Path) -> Result<Option<(TenantId, Month)>> {
        let database = connection::open_for_reading(&folder.join("fluxgate.db"))?;
        inputs::first_without_key(&database, &InputKeyFile::of(folder))
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
        let drill = Arc::new(Drill::read(&connection::open_for_reading(&path)?)?);
        let damage = Arc::new(Damage::of(&path));
        Ok(Self {
            writer: None,
            readers: Arc::new(Readers::new(path.clone(), damage.clone())),
            reports: Arc::new(Reports::new(path, damage.clone())),
            schedule: Arc::new(Schedule::empty(clock.clone())),
            objects: Arc::default(),
            settling: Arc::default(),
            tenants: Arc::default(),
            input_keys: Arc::new(InputKeyFile::of(folder)),
            drill,
            clock,
            damage,
        })
    }

    /// Hands out so many watches a second at most; without this, all that are due.
    pub fn set_polls_per_second(&self, polls: u32) {
        self.schedule.set_polls_per_second(polls);
    }

    /// How many transactions were committed since the start. Each is one fsync of the write-ahead
    /// log.
    pub fn commits(&self) -> u64 {
        self.committed().commits
    }

    /// What was committed since the start.
    pub fn committed(&self) -> Commits {
        let writer = self.writer.as_ref();
        writer.map_or_else(Commits::default, |writer| writer.committed())
    }

    /// True if writes fail, as on a full disk: the last commit did. Who asks has one tried, every
    /// ten seconds at most.
    pub fn is_failing(&self) -> bool {
        self.writer
            .as_ref()
            .is_some_and(|writer| writer.is_failing())
    }

    /// True once a read or a write has met a part of the database that is damaged: nothing mends it
    /// but a backup.
    pub fn is_damaged(&self) -> bool {
        self.damage.is_found()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The connections to read a few rows by, once others have had their turn on this thread.
    async fn reading(&self) -> &Readers {
        give_way().await;
        &self.readers
    }

    /// Reads a part of what grows with a tenant's history, or with the number of tenants, away from
    /// the threads that serve requests.
    async fn report<T, F>(&self, part: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.reports.read(part).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.damage
            .see(self.writer()?.run(Hurry::Now, None, work).await)
    }

    /// For writes that may carry many bytes.
    async fn write_bulk<T, F>(&self, bulk: Option<Bulk>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.damage
            .see(self.writer()?.run(Hurry::Now, bulk, work).await)
    }

    /// For writes that no caller waits for.
    async fn write_soon<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        self.damage
            .see(self.writer()?.run(Hurry::Soon, None, work).await)
    }

    fn writer(&self) -> Result<&Writer> {
        self.writer.as_deref().ok_or_else(|| {
            let text = "the database was opened to be read alone, and nothing can be written";
            Error::internal("opened_to_read", text)
        })
    }
}
