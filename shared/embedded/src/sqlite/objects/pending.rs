//! Objects that are published and whose rows are not known to be committed. Whoever writes a change
//! that names one writes its row in the same transaction, so that no task is completed without its
//! objects, whatever became of an earlier commit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fluxgate_core::Result;
use rusqlite::Connection;

use super::{ObjectName, ObjectRow, write_row};
use crate::objects::FileId;

#[derive(Default)]
pub(in crate::sqlite) struct PendingObjects {
    by_name: Mutex<HashMap<ObjectName, Pending>>,
    /// Whether somebody waits to write what nobody names.
    is_waiting: AtomicBool,
}

pub(super) struct Pending {
    row: ObjectRow,
    since: Instant,
}

/// A pending object, as it was when it was asked for.
pub(in crate::sqlite) type Named = (ObjectName, FileId);

impl PendingObjects {
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn get(&self, name: &ObjectName) -> Option<ObjectRow> {
        self.lock().get(name).map(|pending| pending.row.clone())
    }

    /// `committed` reads the object that is committed under the name. It runs under the lock, so
    /// that nobody publishes in between.
    pub(super) fn publish(
        &self,
        name: &ObjectName,
        row: ObjectRow,
        only_if_free: bool,
        committed: impl FnOnce() -> Result<Option<ObjectRow>>,
    ) -> Result<Option<ObjectRow>> {
        let mut by_name = self.lock();
        if only_if_free {
            let existing = match by_name.get(name) {
                Some(pending) => Some(pending.row.clone()),
                None => committed()?,
            };
            if existing.is_some() {
                return Ok(existing);
            }
        }
        let since = Instant::now();
        by_name.insert(name.clone(), Pending { row, since });
        Ok(None)
    }

    /// The file of the pending object that is no more.
    pub(super) fn remove(&self, name: &ObjectName) -> Option<FileId> {
        self.lock().remove(name).map(|pending| pending.row.id)
    }

    /// Those of these names that are pending.
    pub(super) fn named<'a>(&self, names: impl IntoIterator<Item = &'a ObjectName>) -> Vec<Named> {
        let by_name = self.lock();
        let names = names.into_iter();
        names
            .filter_map(|name| Some((name.clone(), by_name.get(name)?.row.id)))
            .collect()
    }

    pub(super) fn older_than(&self, age: Duration) -> Vec<Named> {
        let by_name = self.lock();
        let old = by_name
            .iter()
            .filter(|(_, pending)| pending.since.elapsed() >= age);
        old.map(|(name, pending)| (name.clone(), pending.row.id))
            .collect()
    }

    /// Writes the rows of those that are still pending, within the caller's transaction.
    pub(in crate::sqlite) fn write(&self, connection: &Connection, named: &[Named]) -> Result<()> {
        for (name, _) in named {
            if let Some(row) = self.get(name) {
                write_row(connection, name, &row)?;
            }
        }
        Ok(())
    }

    /// What was written is committed. An object that has replaced it meanwhile stays pending.
    pub(in crate::sqlite) fn committed(&self, named: &[Named]) {
        let mut by_name = self.lock();
        for (name, id) in named {
            if by_name
                .get(name)
                .is_some_and(|pending| pending.row.id == *id)
            {
                by_name.remove(name);
            }
        }
    }

    /// True if nobody waits yet: the caller is to wait.
    pub(super) fn begin_waiting(&self) -> bool {
        !self.is_waiting.swap(true, Ordering::SeqCst)
    }

    /// False once nothing is pending; then the next object needs somebody else who waits.
    pub(super) fn goes_on_waiting(&self) -> bool {
        let by_name = self.lock();
        let goes_on = !by_name.is_empty();
        if !goes_on {
            self.is_waiting.store(false, Ordering::SeqCst);
        }
        goes_on
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectName, Pending>> {
        self.by_name
            .lock()
            .expect("no code panics while it holds the pending objects")
    }
}
