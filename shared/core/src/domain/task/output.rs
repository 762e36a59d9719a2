//! A file in the tenant's bucket.

use serde::{Deserialize, Serialize};

/// One output file in the tenant's bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub bucket: String,
    pub key: String,
    /// Lower-case hex.
    pub sha256: String,
    pub bytes: u64,
    pub content_type: String,
}

impl Output {
    pub fn s3_uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}
