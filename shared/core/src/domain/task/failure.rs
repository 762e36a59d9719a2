//! Why a task did not complete.

use serde::{Deserialize, Serialize};

/// Why a task did not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The provider's number if it sent one (1402: media could not be fetched), or else Fluxgate's,
    /// in the provider's ranges.
    pub code: u32,
    /// Stable, snake case.
    pub reason: String,
    /// Says what to do; safe to show to the tenant.
    pub message: String,
}

impl Failure {
    pub fn new(code: u32, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}
