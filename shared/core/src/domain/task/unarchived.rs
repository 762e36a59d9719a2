//! Outputs on their way into the bucket, and those that did not get there although they were paid
//! for.

use serde::{Deserialize, Serialize};

use super::Output;
use crate::base::time::Timestamp;

/// An output that lies in the bucket while others of its task do not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Which output of the run, from 0.
    pub n: usize,
    pub output: Output,
}

/// Where the provider keeps an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLink {
    /// Which output of the run, from 0.
    pub n: usize,
    pub url: String,
}

/// Outputs of a completed task that the tenant's own side kept out of its bucket. The provider made
/// them, so they were charged.
///
/// It stays for good, with no links once all are copied after all: it tells how the task was
/// charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unarchived {
    /// What stood in the way last: stable, snake case.
    pub reason: String,
    /// Says what to mend; safe to show to the tenant.
    pub message: String,
    /// The outputs that are not in the bucket, in order.
    #[serde(default)]
    pub links: Vec<ProviderLink>,
    /// Until when the provider keeps them.
    pub expires_at: Timestamp,
    /// When the tenant asked last for another copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

/// Links of the provider that stopped working before the outputs behind them were copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleLinks {
    /// When the first of them failed.
    pub since: Timestamp,
    /// How often fresh ones were asked for since.
    pub asks: u32,
    /// When the provider named the links that are in use; `None` while it is to be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_at: Option<Timestamp>,
}
