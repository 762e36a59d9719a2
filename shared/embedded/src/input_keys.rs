//! The keys that inputs, callback URLs and the lines of batches are sealed with, in a file of their
//! own beside the database: backups of the database do not have them, so that removing a key here
//! erases what it sealed there.

use std::fmt;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxgate_core::id::TenantId;
use fluxgate_core::money::Month;
use fluxgate_core::port::RecentInputKeys;
use fluxgate_core::seal::{DataKey, DataKeys};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::sqlite::database;

const NAME: &str = "input-keys.db";
/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const READ: &str = "read the keys of inputs";
const WRITE: &str = "write the keys of inputs";

/// A rollback journal, not a log: what is overwritten stays in no file of the folder.
const SETTINGS: &str = "PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;
     PRAGMA secure_delete = ON;
     CREATE TABLE IF NOT EXISTS input_keys (
       tenant TEXT NOT NULL, month TEXT NOT NULL, keys BLOB NOT NULL,
       PRIMARY KEY (tenant, month)) WITHOUT ROWID;";
const KEYS: &str = "SELECT keys FROM input_keys WHERE tenant = ?1 AND month = ?2";

/// The file of one data folder. It is opened when a key is first asked for, and made when the first
/// one is added.
pub(crate) struct InputKeyFile {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
    recent: RecentInputKeys,
}

impl fmt::Debug for InputKeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InputKeyFile").field(&self.path).finish()
    }
}

impl InputKeyFile {
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            path: path(folder),
            connection: Mutex::default(),
            recent: RecentInputKeys::default(),
        }
    }

    /// The keys as this process knew them a moment ago, or as they are.
    pub(crate) fn recent(
        &self,
        tenant: &TenantId,
        month: Month,
        now: Timestamp,
    ) -> Result<Arc<DataKeys>> {
        match self.recent.get(tenant, month, now) {
            Some(keys) => Ok(keys),
            None => self.keys(tenant, month, now),
        }
    }

    pub(crate) fn keys(
        &self,
        tenant: &TenantId,
        month: Month,
        now: Timestamp,
    ) -> Result<Arc<DataKeys>> {
        let mut held = self.lock();
        let Some(connection) = self.opened(&mut held)? else {
            return Ok(Arc::default());
        };
        let keys = Arc::new(stored(connection, tenant, month)?);
        self.recent.put(tenant, month, &keys, now);
        Ok(keys)
    }

    pub(crate) fn add(
        &self,
        tenant: &TenantId,
        month: Month,
        (known, key): (&[u8], DataKey),
        now: Timestamp,
    ) -> Result<Arc<DataKeys>> {
        let mut held = self.lock();
        let connection = self.made(&mut held)?;
        let keys = changed(connection, tenant, month, |there| {
            (there.to_bytes() == known).then(|| there.with(key))
        });
        let keys = Arc::new(keys?);
        self.recent.put(tenant, month, &keys, now);
        Ok(keys)
    }

    pub(crate) fn months(&self, tenant: &TenantId) -> Result<Vec<Month>> {
        let mut held = self.lock();
        let Some(connection) = self.opened(&mut held)? else {
            return Ok(Vec::new());
        };
        let sql = "SELECT month FROM input_keys WHERE tenant = ?1 ORDER BY month";
        let months: Vec<String> = connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let rows = statement.query_map([tenant.as_str()], |row| row.get(0))?;
                rows.collect()
            })
            .map_err(database(READ))?;
        months.iter().map(|month| month.parse()).collect()
    }

    pub(crate) fn remove(&self, tenant: &TenantId, month: Month, before: Timestamp) -> Result<()> {
        let mut held = self.lock();
        let Some(connection) = self.opened(&mut held)? else {
            return Ok(());
        };
        self.recent.forget(tenant, month);
        changed(connection, tenant, month, |there| Some(there.since(before))).map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` as long as there is no file.
    fn opened<'a>(&self, held: &'a mut Option<Connection>) -> Result<Option<&'a mut Connection>> {
        if held.is_none() && !self.path.exists() {
            return Ok(None);
        }
        self.made(held).map(Some)
    }

    fn made<'a>(&self, held: &'a mut Option<Connection>) -> Result<&'a mut Connection> {
        match held {
            Some(connection) => Ok(connection),
            None => Ok(held.insert(open(&self.path)?)),
        }
    }
}

/// Where the keys of a data folder are.
pub fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Copies the keys of a data folder into another folder, in place of the copy that is there: it
/// keeps no key that was removed since. Returns false where there are none. Blocks.
pub fn copy(from: &Path, to: &Path) -> Result<bool> {
    let (from, target) = (path(from), path(to));
    if !from.exists() {
        return Ok(false);
    }
    let name = tempfile::Builder::new().prefix(NAME).tempfile_in(to);
    let name = name.map_err(unwritable)?.into_temp_path();
    let connection = open(&from)?;
    let sql = "VACUUM INTO ?1";
    connection
        .execute(sql, [name.to_string_lossy()])
        .map_err(database("copy the keys of inputs"))?;
    let persisted = std::fs::File::open(&name)
        .and_then(|copy| copy.sync_all())
        .and_then(|()| name.persist(&target).map_err(std::io::Error::from))
        .and_then(|()| std::fs::File::open(to)?.sync_all());
    persisted.map(|()| true).map_err(unwritable)
}

/// Fails unless the folder's keys can be read; there need not be any. Blocks.
pub fn check(folder: &Path) -> Result<()> {
    let path = path(folder);
    if !path.exists() {
        return Ok(());
    }
    let connection = open(&path)?;
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(database(READ))?;
    if found == "ok" {
        return Ok(());
    }
    let text = format!("{} is damaged: {found}", path.display());
    Err(Error::internal("database_corrupt", text))
}

fn unwritable(error: std::io::Error) -> Error {
    Error::internal("data_folder", "the keys of inputs cannot be copied").source(error)
}

/// Only its owner can read it.
fn open(path: &Path) -> Result<Connection> {
    let private = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path);
    private.map_err(|error| {
        let text = format!("{} cannot be opened", path.display());
        Error::internal("data_folder", text).source(error)
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(database(READ))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .and_then(|()| connection.execute_batch(SETTINGS))
        .map_err(database(READ))?;
    Ok(connection)
}

fn stored(connection: &Connection, tenant: &TenantId, month: Month) -> Result<DataKeys> {
    let of = params![tenant.as_str(), month.to_string()];
    let bytes: Option<Vec<u8>> = connection
        .prepare_cached(KEYS)
        .and_then(|mut statement| statement.query_row(of, |row| row.get(0)).optional())
        .map_err(database(READ))?;
    DataKeys::from_bytes(&bytes.unwrap_or_default())
}

/// Replaces the keys of a month, unless there is nothing to change. Returns those that are there
/// then.
fn changed(
    connection: &mut Connection,
    tenant: &TenantId,
    month: Month,
    change: impl FnOnce(&DataKeys) -> Option<DataKeys>,
) -> Result<DataKeys> {
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(database(WRITE))?;
    let before = stored(&transaction, tenant, month)?;
    let Some(after) = change(&before) else {
        return Ok(before);
    };
    let (tenant, month) = (tenant.as_str(), month.to_string());
    let written = if after.is_empty() {
        let sql = "DELETE FROM input_keys WHERE tenant = ?1 AND month = ?2";
        transaction.execute(sql, params![tenant, month])
    } else {
        let sql = "REPLACE INTO input_keys (tenant, month, keys) VALUES (?1, ?2, ?3)";
        transaction.execute(sql, params![tenant, month, after.to_bytes()])
    };
    written
        .and_then(|_| transaction.commit())
        .map_err(database(WRITE))?;
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn key(n: u8) -> DataKey {
        DataKey::new([n; DataKey::RANDOM_BYTES], NOW)
    }

    #[test]
    fn a_removed_key_leaves_no_byte_in_the_folder_and_a_copy_forgets_it_too() {
        let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (acme, month) = ("acme".parse().unwrap(), "2026-11".parse().unwrap());
        let file = InputKeyFile::of(folder.path());
        assert!(!copy(folder.path(), copies.path()).unwrap());
        file.add(&acme, month, (&[], key(7)), NOW).unwrap();
        assert!(copy(folder.path(), copies.path()).unwrap());
        let holds = |folder: &Path| {
            let files = std::fs::read_dir(folder).unwrap();
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                bytes.windows(32).any(|part| part == [7; 32])
            })
        };
        assert!(holds(folder.path()) && holds(copies.path()));

        file.remove(&acme, month, NOW.plus_ms(1)).unwrap();
        assert!(copy(folder.path(), copies.path()).unwrap());

        assert!(!holds(folder.path()) && !holds(copies.path()));
        assert_eq!(file.months(&acme).unwrap(), []);
        assert!(file.recent(&acme, month, NOW).unwrap().is_empty());
        check(copies.path()).unwrap();
    }

    #[test]
    fn a_folder_without_keys_gets_no_file_by_being_asked() {
        let folder = tempfile::tempdir().unwrap();
        let file = InputKeyFile::of(folder.path());
        let (acme, month) = ("acme".parse().unwrap(), "2026-11".parse().unwrap());

        assert!(file.keys(&acme, month, NOW).unwrap().is_empty());
        file.remove(&acme, month, NOW).unwrap();

        assert!(!path(folder.path()).exists());
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(path(folder.path()), "not a database, but long enough").unwrap();

        let error = check(folder.path()).unwrap_err();

        assert_eq!(error.code, "database_corrupt");
    }
}
