//! An object's attributes besides its bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fluxgate_core::digest::Sha256;
use fluxgate_core::media;
use fluxgate_core::port::NewObject;
use serde::{Deserialize, Serialize};

/// The metadata name of the digest, as the S3 adapter has it.
const SHA256: &str = "sha256";
/// The metadata name of the content type that the provider gave.
const PROVIDER_TYPE: &str = "provider-type";

/// Stored as JSON, without what is absent. All absent for a file that somebody put into a bucket's
/// folder by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attributes {
    /// Base64, as S3 encodes checksums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Attributes {
    /// Those of an output: the same as the S3 adapter sends.
    pub(super) fn of(object: &NewObject) -> Self {
        let digest = (SHA256.to_owned(), hex::encode(object.sha256));
        let told = object.provider_type.clone();
        let told = told.map(|told| (PROVIDER_TYPE.to_owned(), told));
        Self {
            sha256: Some(BASE64.encode(object.sha256)),
            content_type: Some(object.content_type.clone()),
            content_disposition: object.content_disposition.map(str::to_owned),
            metadata: [digest].into_iter().chain(told).collect(),
            ..Self::default()
        }
    }

    /// `None` for a file that was put into the folder by hand.
    pub(super) fn digest(&self) -> Option<Sha256> {
        let digest = BASE64.decode(self.sha256.as_ref()?).ok()?;
        digest.try_into().ok()
    }

    /// S3's default for an object without a content type.
    pub(crate) fn content_type(&self) -> String {
        self.content_type
            .clone()
            .unwrap_or_else(|| media::OCTET_STREAM.to_owned())
    }

    /// As it was stored. Whoever put it here, nothing that a browser would execute is opened in
    /// this server's origin.
    pub(crate) fn disposition(&self) -> Option<String> {
        let by_type = || {
            media::disposition(self.content_type.as_deref().unwrap_or_default()).map(str::to_owned)
        };
        self.content_disposition.clone().or_else(by_type)
    }
}
