//! The faults of a running emulator: read, replaced and consumed atomically.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Fault, Faults};

#[derive(Debug)]
pub(crate) struct LiveFaults(Mutex<Faults>);

impl LiveFaults {
    pub(crate) fn new(faults: Faults) -> Self {
        Self(Mutex::new(faults))
    }

    pub(crate) fn get(&self) -> Faults {
        self.lock().clone()
    }

    pub(crate) fn replace(&self, faults: Faults) {
        *self.lock() = faults;
    }

    /// Uses up one strike of a switch.
    pub(crate) fn strike(&self, switch: impl FnOnce(&mut Faults) -> &mut Fault) -> bool {
        switch(&mut self.lock()).strike()
    }

    /// Reads a value without copying the rest.
    pub(crate) fn value<T>(&self, of: impl FnOnce(&Faults) -> T) -> T {
        of(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
