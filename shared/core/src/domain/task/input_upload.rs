//! A file inside an input, and where it was put for the provider.

use serde::{Deserialize, Serialize};

/// A file inside an input, and where it was put for the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputUpload {
    /// Which input. Of a list of files the uploads are in its order.
    pub field: String,
    pub url: String,
}
