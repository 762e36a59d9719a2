//! API keys: tokens that this installation issues itself. What a key may do is in its token and in
//! its record; the token itself is stored nowhere.

mod issuer;
mod live;
mod model_pattern;
mod signing;

pub use issuer::{Issuer, PublicKey};
pub use live::{KeyLimit, LiveKey};
pub use model_pattern::ModelPattern;
pub use signing::KeySigner;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Actor, AuditEntry, Scope, Tenant};
use crate::base::error::{Error, Result};
use crate::base::id::{KeyId, TenantId};
use crate::base::time::Timestamp;

/// Maximum number of a tenant's keys. The tenant's record lists them all.
pub const KEYS_MAX: usize = 50;

/// The record of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    pub tenant: TenantId,
    pub id: KeyId,
    pub name: KeyName,
    pub scopes: BTreeSet<Scope>,
    pub created_at: Timestamp,
    /// `None` for one that does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The models that it may run; all of them if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelPattern>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<KeyLimit>,
    /// The signing key of its token.
    pub kid: String,
    pub made_by: Actor,
    /// The keys that made it, from the first: with any of them it is revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<KeyId>,
    /// The key that it took over from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<KeyId>,
    /// To the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// What the tenant's record says of it.
    pub fn live(&self) -> LiveKey {
        LiveKey {
            id: self.id.clone(),
            kid: self.kid.clone(),
            expires_at: self.expires_at,
            models: self.models.clone(),
            limit: self.limit.clone(),
            makers: self.makers.clone(),
        }
    }
}

/// What a person calls a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyName(String);

impl KeyName {
    const CHARS_MAX: usize = 64;

    /// Kind `Invalid` with code `invalid_key`, naming the field.
    pub fn parse(text: &str) -> Result<Self> {
        let fits = (1..=Self::CHARS_MAX).contains(&text.chars().count());
        if fits && text.trim() == text && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        let text = format!(
            "the name of a key has 1 to {} printable characters, without spaces around it",
            Self::CHARS_MAX
        );
        Err(Error::invalid("invalid_key", text).field("name"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for KeyName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<KeyName> for String {
    fn from(name: KeyName) -> Self {
        name.0
    }
}

/// A change of a tenant's keys, which a store writes whole.
#[derive(Debug, Clone)]
pub struct KeysChange {
    /// The tenant with its keys after the change; its version is one above the stored one.
    pub tenant: Tenant,
    /// Records that are new or changed.
    pub put: Vec<ApiKey>,
    pub removed: Vec<KeyId>,
    pub entry: AuditEntry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_s_name_is_short_and_printable() {
        for name in ["ci", "Build server 2", "é"] {
            assert_eq!(KeyName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", " ci", "ci ", "a\nb", &"a".repeat(65)] {
            let error = KeyName::parse(name).unwrap_err();
            assert_eq!(
                (error.code, error.field.as_deref()),
                ("invalid_key", Some("name"))
            );
        }
    }
}
