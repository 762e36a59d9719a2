//! The mark of a task that its tenant has deleted, or the operator has erased.

use serde::{Deserialize, Serialize};

use super::Output;
use crate::base::time::Timestamp;

/// That a task was deleted, and what its books need of what is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    pub at: Timestamp,
    /// How many outputs the run made.
    pub outputs_made: usize,
    /// Those that may still lie in the installation's own store, so that they can be removed later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftOutput>,
}

/// The name of an output in the installation's own store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutput {
    pub bucket: String,
    pub key: String,
}

impl LeftOutput {
    /// Nothing for one in a store that a destination names.
    pub(super) fn of(output: &Output) -> Option<Self> {
        output.store.is_none().then(|| Self {
            bucket: output.bucket.clone(),
            key: output.key.clone(),
        })
    }

    /// As much as is known of it.
    pub fn output(&self) -> Output {
        Output {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
            ..Output::default()
        }
    }
}
