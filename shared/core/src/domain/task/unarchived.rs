//! Outputs on their way to the bucket, and those that did not get there although they were paid
//! for.

use serde::{Deserialize, Serialize};

use super::Output;
use crate::base::time::Timestamp;

/// An output that is in the bucket while others of its task are not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Index among the run's outputs, from 0.
    pub n: usize,
    pub output: Output,
}

/// The provider's link to an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLink {
    /// Index among the run's outputs, from 0.
    pub n: usize,
    pub url: String,
}

/// Outputs of a completed task that the tenant's own side kept out of its bucket. The provider
/// produced them, so they were charged.
///
/// Kept for good, without links once everything is copied: it records how the task was charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unarchived {
    /// The last obstacle: stable, snake case.
    pub reason: String,
    /// Says what to fix; safe to show to the tenant.
    pub message: String,
    /// The outputs that are not in the bucket, in order.
    #[serde(default)]
    pub links: Vec<ProviderLink>,
    /// How long the provider keeps them.
    pub expires_at: Timestamp,
    /// When the tenant last requested another copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

/// The provider's links that stopped working before their outputs were copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleLinks {
    /// When the first of them failed.
    pub since: Timestamp,
    /// Number of times fresh links were requested since then.
    pub asks: u32,
    /// When the provider sent the current links; `None` while fresh ones are being requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_at: Option<Timestamp>,
}
