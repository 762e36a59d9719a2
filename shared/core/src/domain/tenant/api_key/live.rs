//! What a tenant's record says of its keys: one that is not listed is revoked.

use serde::{Deserialize, Serialize};

use super::ModelPattern;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{KeyId, ModelId};
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;

/// A key that was not revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveKey {
    pub id: KeyId,
    /// The signing key of its token.
    pub kid: String,
    /// Earlier than the token says if another key took over from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelPattern>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<KeyLimit>,
    /// The keys that made it, from the first: with any of them it is revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<KeyId>,
}

/// What a key may spend in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLimit {
    pub monthly_micro_usd: MicroUsd,
    /// The key by whose id the month's use is counted. A key that takes over from another counts
    /// on, and so does one that a limited key made: together they spend no more than the first.
    pub counter: KeyId,
}

impl LiveKey {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Kind `Forbidden` with code `key_model`.
    pub fn may_run(&self, model: &ModelId) -> Result<()> {
        if self.models.is_empty() || self.models.iter().any(|pattern| pattern.matches(model)) {
            return Ok(());
        }
        let text = format!("this API key may not run '{model}'; GET /v1/keys shows its models");
        Err(Error::new(Kind::Forbidden, "key_model", text))
    }
}
