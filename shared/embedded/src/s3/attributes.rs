//! An object's attributes besides its bytes.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use fluxgate_core::media;
use s3s::dto::{ETag, PutObjectInput};
use serde::{Deserialize, Serialize};

/// Stored as JSON. All absent for a file that somebody put into a bucket's folder by hand.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    /// For people who look into the folder, because the file's own name is a digest.
    pub(super) key: String,
    /// Base64, as S3 encodes checksums.
    pub(super) sha256: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) metadata: HashMap<String, String>,
}

impl Attributes {
    pub(super) fn of(input: PutObjectInput, sha256: Option<String>) -> Self {
        Self {
            key: input.key,
            sha256,
            content_type: input.content_type,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            cache_control: input.cache_control,
            metadata: input.metadata.unwrap_or_default(),
        }
    }

    pub(super) async fn load(path: &Path) -> io::Result<Self> {
        match tokio::fs::read(path).await {
            Ok(json) => Ok(serde_json::from_slice(&json)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// S3's default for an object without a content type.
    pub(super) fn content_type(&self) -> String {
        self.content_type
            .clone()
            .unwrap_or_else(|| media::OCTET_STREAM.to_owned())
    }

    /// As it was stored. Whoever put it here, nothing that a browser would execute is opened in
    /// this server's origin.
    pub(super) fn disposition(&self) -> Option<String> {
        let by_type = || {
            media::disposition(self.content_type.as_deref().unwrap_or_default()).map(str::to_owned)
        };
        self.content_disposition.clone().or_else(by_type)
    }

    /// S3 allows any digest of the bytes as ETag; this one is available.
    pub(super) fn e_tag(&self) -> Option<ETag> {
        self.sha256.clone().map(ETag::Strong)
    }
}
