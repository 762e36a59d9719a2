//! The keys that sign what is handed out: the paths of webhooks, links to outputs, cursors. They
//! are rotated while everything runs, so a process reads them again now and then, and at once when
//! a signature does not fit.

mod rotation;

pub use rotation::{CapabilityRotation, CapabilityStatus};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::error::Result;
use crate::base::seal::KeyRing;
use crate::domain::webhook::{CapabilityKeys, KeyForm};
use crate::port::KeyRings;

/// The keys as they were read last, and where they are read from.
#[derive(Clone)]
pub struct Capability(Arc<Inner>);

struct Inner {
    known: Mutex<Arc<CapabilityKeys>>,
    source: Option<Source>,
}

struct Source {
    rings: Arc<dyn KeyRings>,
    form: KeyForm,
    /// What the known keys were made of.
    ring: Mutex<Arc<KeyRing>>,
    /// They could not be read lately, and that was logged.
    is_lost: AtomicBool,
}

impl Capability {
    /// Keys that never change.
    pub fn fixed(keys: CapabilityKeys) -> Self {
        Self(Arc::new(Inner {
            known: Mutex::new(Arc::new(keys)),
            source: None,
        }))
    }

    /// The keys of a ring that was just read from there. The port's errors are those of
    /// [`CapabilityKeys::of`].
    pub fn of(rings: Arc<dyn KeyRings>, ring: Arc<KeyRing>, form: KeyForm) -> Result<Self> {
        let keys = CapabilityKeys::of(&ring, form)?;
        Ok(Self(Arc::new(Inner {
            known: Mutex::new(Arc::new(keys)),
            source: Some(Source {
                rings,
                form,
                ring: Mutex::new(ring),
                is_lost: AtomicBool::new(false),
            }),
        })))
    }

    /// The keys, some minutes old at most, to sign with. While they cannot be read, the last ones
    /// stay in use.
    pub async fn keys(&self) -> Arc<CapabilityKeys> {
        if let Some(source) = &self.0.source {
            self.take(source, source.rings.ring().await);
        }
        self.known()
    }

    /// Whether one of the keys fits. What fits none may be signed with a new one: then they are
    /// read again, though not more often than their source allows.
    pub async fn fits(&self, does_fit: impl Fn(&CapabilityKeys) -> bool + Send) -> bool {
        if does_fit(&*self.keys().await) {
            return true;
        }
        let Some(source) = &self.0.source else {
            return false;
        };
        self.take(source, source.rings.ring_now().await);
        does_fit(&self.known())
    }

    fn known(&self) -> Arc<CapabilityKeys> {
        let known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn take(&self, source: &Source, read: Result<Arc<KeyRing>>) {
        let taken = read.and_then(|ring| {
            let mut known = source.ring.lock().unwrap_or_else(PoisonError::into_inner);
            if !Arc::ptr_eq(&known, &ring) {
                let keys = Arc::new(CapabilityKeys::of(&ring, source.form)?);
                *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) = keys;
                *known = ring;
            }
            Ok(())
        });
        let was_lost = source.is_lost.swap(taken.is_err(), Ordering::Relaxed);
        if let (Err(error), false) = (taken, was_lost) {
            tracing::error!(
                error = error.with_causes(),
                "the keys that links are signed with cannot be read; those that were read before stay in use"
            );
        }
    }
}
