//! A file embedded in an input, and the URL it was uploaded to.

use serde::{Deserialize, Serialize};

/// A file embedded in an input, and the URL it was uploaded to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputUpload {
    /// The input's name. For a list of files, uploads are in the same order.
    pub field: String,
    pub url: String,
}
