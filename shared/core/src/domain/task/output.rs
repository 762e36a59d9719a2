//! A file in the tenant's bucket.

use serde::{Deserialize, Serialize};

/// One output file in the tenant's bucket, with what its destination was when it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    pub bucket: String,
    pub key: String,
    /// Lower-case hex.
    pub sha256: String,
    pub bytes: u64,
    pub content_type: String,
    /// The store that the bucket is in, if it is not the installation's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// What tenants see as the output in place of a link that is signed, such as a CDN's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Output {
    pub fn s3_uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}
