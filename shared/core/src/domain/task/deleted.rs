//! The mark of a task that its tenant has deleted.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// That a task was deleted, and what its books need of what is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    pub at: Timestamp,
    /// How many outputs the run made.
    pub outputs_made: usize,
}
