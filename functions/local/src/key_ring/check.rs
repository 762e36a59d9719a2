//! Whether a ring opens what a database holds: a known text in it, sealed as its secrets are.

use std::path::Path;

use fluxgate_core::Result;
use fluxgate_core::port::{Entropy as _, SystemEntropy};
use fluxgate_core::seal::{KeyRing, NONCE_BYTES, Owner, Sealed};
use fluxgate_core::secret::Secret;
use fluxgate_embedded::sqlite::EncryptionCheck;

const OWNER: Owner<'_> = Owner {
    tenant: "",
    id: "check",
};
const TEXT: &str = "fluxgate";

pub(super) struct Check(EncryptionCheck);

impl Check {
    pub(super) fn of(folder: &Path) -> Self {
        Self(EncryptionCheck::of(folder))
    }

    pub(super) fn is_there(&self) -> Result<bool> {
        Ok(self.0.read()?.is_some())
    }

    /// Whether there ought to be one.
    pub(super) fn is_missed(&self) -> Result<bool> {
        self.0.is_missed()
    }

    pub(super) fn write_first(&self, ring: &KeyRing) -> Result<()> {
        self.0.write_first(&sealed(ring))
    }

    pub(super) fn write(&self, ring: &KeyRing) -> Result<()> {
        self.0.write(&sealed(ring))
    }

    pub(super) fn is_opened_by(&self, ring: &KeyRing) -> Result<()> {
        match self.0.read()? {
            Some(check) => ring.open(OWNER, &check).map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn forget_log(&self) -> Result<()> {
        self.0.forget_log()
    }
}

fn sealed(ring: &KeyRing) -> Sealed {
    let mut nonce = [0; NONCE_BYTES];
    SystemEntropy.fill(&mut nonce);
    ring.seal(OWNER, nonce, &Secret::new(TEXT))
}
