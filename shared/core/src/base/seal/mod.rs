//! Secrets at rest: AES-256-GCM under a ring of keys, so that neither a data folder nor a table
//! gives one away.
//!
//! A sealed text is `enc1.{key id}.{base64url of nonce, ciphertext and tag}`. The tenant and what
//! the secret belongs to are the associated data: a sealed text that is moved to another tenant
//! does not open there.

mod data_key;
mod key_ring;
mod stored_text;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use data_key::{DataKey, DataKeys};
pub use key_ring::{KeyRing, NONCE_BYTES};
pub use stored_text::StoredText;

use crate::base::secret::Secret;

/// A secret as the store keeps it. What an earlier release wrote in plain text is read, and sealed
/// by the next rotation.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// What every sealed text begins with.
    pub const MARK: &str = "enc1.";

    /// The id of the key that it was sealed with; `None` for a text that was never sealed.
    pub fn key_id(&self) -> Option<&str> {
        let (id, _) = self.0.strip_prefix(Self::MARK)?.split_once('.')?;
        Some(id)
    }

    /// What an earlier release wrote.
    fn plain(&self) -> Option<Secret> {
        (!self.0.starts_with(Self::MARK)).then(|| Secret::new(self.0.clone()))
    }
}

/// Hides it: it may be plain text.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({})", self.key_id().unwrap_or("plain"))
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// What a secret belongs to: it opens for nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    pub tenant: &'a str,
    /// The endpoint's id and the secret's purpose, for example.
    pub id: &'a str,
}

impl Owner<'_> {
    /// Lengths first, so that no two owners have the same bytes.
    fn associated_data(&self) -> Vec<u8> {
        let Self { tenant, id } = self;
        format!("fluxgate/{}/{tenant}/{}/{id}", tenant.len(), id.len()).into_bytes()
    }
}
