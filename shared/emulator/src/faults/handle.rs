//! The faults of a running emulator, shared and changed while it runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Fault, Faults};

#[derive(Debug, Clone, Default)]
pub struct FaultsHandle(Arc<Mutex<Faults>>);

impl FaultsHandle {
    pub(crate) fn new(faults: Faults) -> Self {
        Self(Arc::new(Mutex::new(faults)))
    }

    /// What is left: counted faults have been used up.
    pub fn get(&self) -> Faults {
        self.lock().clone()
    }

    /// Replaces all of them.
    pub fn set(&self, faults: Faults) {
        *self.lock() = faults;
    }

    /// Changes some of them.
    pub fn update(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.lock());
    }

    pub(crate) fn strike(&self, fault: impl FnOnce(&mut Faults) -> &mut Fault) -> bool {
        fault(&mut self.lock()).strike()
    }

    pub(crate) fn value<T>(&self, of: impl FnOnce(&Faults) -> T) -> T {
        of(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
