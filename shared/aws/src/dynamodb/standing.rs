//! Whether the table may be used: what a process has found out about it so far.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::day_record::Days;

/// Shared by everybody who uses the table in one process.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// A check was passed, and the table was not missing since.
    is_sound: AtomicBool,
    looks_for_restorations: AtomicBool,
    /// The table was restored from a backup, and nobody has seen to it as far as we know.
    is_restored: AtomicBool,
    /// DynamoDB's own id of the table; a restored table has another one, whatever its name.
    table_id: Mutex<Option<String>>,
    pub(super) days: Days,
}

impl Standing {
    pub(super) fn is_sound(&self) -> bool {
        self.is_sound.load(Ordering::Acquire)
    }

    pub(super) fn set_sound(&self, is_sound: bool) {
        self.is_sound.store(is_sound, Ordering::Release);
    }

    pub(super) fn looks_for_restorations(&self) -> bool {
        self.looks_for_restorations.load(Ordering::Relaxed)
    }

    pub(super) fn look_for_restorations(&self) {
        self.looks_for_restorations.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_restored(&self) -> bool {
        self.is_restored.load(Ordering::Acquire)
    }

    pub(super) fn set_restored(&self, is_restored: bool) {
        self.is_restored.store(is_restored, Ordering::Release);
    }

    pub(super) fn table_id(&self) -> Option<String> {
        let id = self.table_id.lock().unwrap_or_else(PoisonError::into_inner);
        id.clone()
    }

    pub(super) fn note_table_id(&self, id: String) {
        let mut known = self.table_id.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(id);
    }
}
