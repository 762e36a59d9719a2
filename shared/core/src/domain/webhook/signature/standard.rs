//! Standard Webhooks: `v1,` and the base64 of HMAC-SHA256, `v1a,` and the base64 of an Ed25519
//! signature, both over `{id}.{timestamp}.{body}`. Source: the Standard Webhooks specification,
//! 1.0.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SignedHeaders, mac};
use crate::base::error::Error;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;

/// How long a secret may be, in bytes, by the specification.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What signs one callback. Every secret and every key does, so that a receiver may hold any of
/// them.
#[derive(Debug, Default)]
pub struct Signers {
    pub secrets: Vec<Secret>,
    pub keys: Vec<Secret>,
}

impl Signers {
    /// Kind `Invalid` when a secret is not `whsec_` and base64, or a key not `whsk_` and base64.
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> Result<SignedHeaders, Error> {
        let timestamp = now.seconds();
        let mut signatures = Vec::with_capacity(self.secrets.len() + self.keys.len());
        for secret in &self.secrets {
            let tag = mac(&secret_bytes(secret)?, id, timestamp, body);
            signatures.push(format!("v1,{}", STANDARD.encode(tag.as_ref())));
        }
        if !self.keys.is_empty() {
            let message = message(id, timestamp, body);
            for key in &self.keys {
                let signature = key_pair(key)?.sign(&message);
                signatures.push(format!("v1a,{}", STANDARD.encode(signature.as_ref())));
            }
        }
        Ok(SignedHeaders {
            id: id.to_owned(),
            timestamp,
            signature: signatures.join(" "),
        })
    }
}

/// Whether a part `v1a,…` of the signature is of this Ed25519 key. The timestamp is not judged.
pub fn is_signed_by(public: &[u8], part: &str, headers: &SignedHeaders, body: &[u8]) -> bool {
    let signature = part
        .strip_prefix("v1a,")
        .and_then(|text| STANDARD.decode(text).ok());
    let message = message(&headers.id, headers.timestamp, body);
    let key = UnparsedPublicKey::new(&ED25519, public);
    signature.is_some_and(|signature| key.verify(&message, &signature).is_ok())
}

fn message(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    let timestamp = timestamp.to_string();
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

/// Kind `Invalid` unless it is `whsec_` and the base64 of 24 to 64 bytes.
pub fn check_secret(secret: &Secret) -> Result<(), Error> {
    let is_marked = secret.expose().starts_with("whsec_");
    if is_marked && SECRET_BYTES.contains(&secret_bytes(secret)?.len()) {
        return Ok(());
    }
    Err(invalid_secret())
}

/// A signing key of 32 random bytes, `whsk_` and base64, with its public half.
pub fn signing_key(seed: [u8; 32]) -> (Secret, [u8; 32]) {
    use aws_lc_rs::signature::KeyPair as _;
    let secret = Secret::new(format!("whsk_{}", STANDARD.encode(seed)));
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("any 32 bytes are a seed");
    let mut public = [0; 32];
    public.copy_from_slice(pair.public_key().as_ref());
    (secret, public)
}

fn key_pair(key: &Secret) -> Result<Ed25519KeyPair, Error> {
    let seed = key
        .expose()
        .strip_prefix("whsk_")
        .and_then(|text| STANDARD.decode(text).ok());
    seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok())
        .ok_or_else(|| Error::internal("signing_key_unreadable", "a signing key cannot be read"))
}

fn secret_bytes(secret: &Secret) -> Result<Vec<u8>, Error> {
    let text = secret.expose();
    let encoded = text.strip_prefix("whsec_").unwrap_or(text);
    STANDARD.decode(encoded).map_err(|_| invalid_secret())
}

fn invalid_secret() -> Error {
    Error::invalid(
        "invalid_webhook_secret",
        "an endpoint secret must be 'whsec_' and 24 to 64 bytes in base64",
    )
    .field("secret")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of the specification's reference libraries.
    #[test]
    fn a_signature_is_the_one_of_the_reference_libraries() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;

        let signers = Signers {
            secrets: vec![secret],
            keys: Vec::new(),
        };
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let headers = signers
            .sign(id, Timestamp(1_614_265_330_000), body)
            .unwrap();

        assert_eq!(
            headers.signature,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn a_v1a_signature_verifies_by_the_public_key_and_stands_beside_the_others() {
        let (key, public) = signing_key([5; 32]);
        let signers = Signers {
            secrets: vec![Secret::webhook([1; 32]), Secret::webhook([2; 32])],
            keys: vec![key],
        };

        let headers = signers.sign("evt_1", Timestamp(5_000), b"{}").unwrap();

        let parts: Vec<&str> = headers.signature.split(' ').collect();
        assert_eq!(parts.len(), 3);
        assert!(is_signed_by(&public, parts[2], &headers, b"{}"));
        assert!(!is_signed_by(&public, parts[2], &headers, b"{ }"));
        assert!(!is_signed_by(&public, parts[0], &headers, b"{}"));
        let later = SignedHeaders {
            timestamp: 6,
            ..headers.clone()
        };
        assert!(!is_signed_by(&public, parts[2], &later, b"{}"));
    }

    #[test]
    fn a_secret_of_a_tenant_s_own_is_24_to_64_bytes() {
        let of = |bytes: usize| Secret::new(format!("whsec_{}", STANDARD.encode(vec![7; bytes])));
        for (secret, good) in [
            (of(24), true),
            (of(64), true),
            (of(23), false),
            (of(65), false),
            (Secret::new("whsec_not base64"), false),
            (Secret::new(STANDARD.encode([7; 32])), false),
            (Secret::new(""), false),
        ] {
            assert_eq!(check_secret(&secret).is_ok(), good, "{}", secret.expose());
        }
    }
}
