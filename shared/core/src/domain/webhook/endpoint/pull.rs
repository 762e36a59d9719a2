//! A pull endpoint: it is read instead of called, as by a laptop without a public URL.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::domain::webhook::{CallbackUrl, DeliveryCursor};

/// How many pull endpoints a tenant may have among its endpoints.
pub const PULL_ENDPOINTS_MAX: usize = 5;

/// How an endpoint's events reach it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EndpointKind {
    /// They are POSTed there.
    Push { url: CallbackUrl },
    /// They wait in an inbox until they are read.
    Pull { pull: Pull },
}

/// How far an inbox was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Unless it is read, the endpoint is gone then.
    pub expires_at: Timestamp,
    /// No event of that time or before is written any more: a store refuses it, and it is told with
    /// a later time. So whoever has read up to there has missed nothing.
    pub read_to: Timestamp,
    /// Deliveries up to there are acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<DeliveryCursor>,
}

impl Pull {
    /// An inbox that nobody has read yet.
    pub fn new(expires_at: Timestamp) -> Self {
        Self {
            expires_at,
            read_to: Timestamp(0),
            acknowledged: None,
        }
    }
}
