//! What an endpoint's callbacks are signed with, and for how long.

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::id::{EndpointId, TenantId};
use crate::base::seal::Sealed;
use crate::base::time::Timestamp;

/// How many secrets may sign at once: the newest, and those whose overlap is not over.
pub const SECRETS_MAX: usize = 5;

/// A secret that signs, `whsec_…` when opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SigningSecret {
    pub sealed: Sealed,
    /// It signs until then; the newest has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl SigningSecret {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    /// It signs until then, unless it ends earlier.
    pub fn expire_by(&mut self, until: Timestamp) {
        self.expires_at = Some(self.expires_at.map_or(until, |at| at.min(until)));
    }
}

/// Earlier releases wrote a secret as its bare text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Bare(Sealed),
    Record {
        sealed: Sealed,
        #[serde(default)]
        expires_at: Option<Timestamp>,
    },
}

impl<'de> Deserialize<'de> for SigningSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Bare(sealed) => Self {
                sealed,
                expires_at: None,
            },
            Stored::Record { sealed, expires_at } => Self { sealed, expires_at },
        })
    }
}

/// An Ed25519 key of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    /// The `kid` in the published set: the thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// The 32 bytes of the public key, in base64url without padding.
    pub public: String,
    /// PKCS #8 in base64, sealed.
    pub sealed: Sealed,
    /// It is published and signs until then; the newest has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl SigningKey {
    /// The path of an endpoint's published keys.
    pub fn published_at(tenant: &TenantId, endpoint: &EndpointId) -> String {
        format!("/.well-known/webhooks/{tenant}/{endpoint}/jwks.json")
    }

    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_an_earlier_release_is_read_and_written_as_a_record() {
        let read: Vec<SigningSecret> = serde_json::from_str(r#"["whsec_abc"]"#).unwrap();

        assert_eq!(read[0].expires_at, None);
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(written, r#"[{"sealed":"whsec_abc"}]"#);
        assert_eq!(
            serde_json::from_str::<Vec<SigningSecret>>(&written).unwrap(),
            read
        );
    }

    #[test]
    fn a_secret_signs_until_its_overlap_is_over() {
        let secret: SigningSecret =
            serde_json::from_str(r#"{"sealed":"whsec_abc","expires_at":5}"#).unwrap();

        assert!(secret.is_valid(Timestamp(4)) && !secret.is_valid(Timestamp(5)));
    }
}
