//! Signs API keys: JWTs by Ed25519 (RFC 8037).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::{ApiKey, Issuer, PublicKey};
use crate::base::digest::sha256;
use crate::base::seal::KeyRing;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;

/// The key that signs.
pub struct KeySigner {
    pair: Ed25519KeyPair,
    x: String,
    kid: String,
}

impl KeySigner {
    /// The active key of a ring.
    pub fn of(ring: &KeyRing) -> Self {
        let seed = ring.seed(b"fluxgate api keys 1");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed has 32 bytes");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let kid = thumbprint(&x);
        Self { pair, x, kid }
    }

    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What verifies, added now.
    pub fn public(&self, now: Timestamp) -> PublicKey {
        PublicKey {
            kid: self.kid.clone(),
            x: self.x.clone(),
            added_at: now,
            retired_at: None,
        }
    }

    /// The token of a key.
    pub fn sign(&self, issuer: &str, key: &ApiKey) -> Secret {
        let header = json!({ "alg": "EdDSA", "kid": self.kid, "typ": "JWT" });
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims(issuer, key)));
        let signature = self.pair.sign(signed.as_bytes());
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Times are whole seconds.
fn claims(issuer: &str, key: &ApiKey) -> Value {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let mut claims = Map::from_iter([
        ("iss".to_owned(), json!(issuer)),
        ("aud".to_owned(), json!(Issuer::AUDIENCE)),
        ("sub".to_owned(), json!(key.tenant)),
        ("jti".to_owned(), json!(key.id)),
        ("iat".to_owned(), json!(key.created_at.seconds())),
        ("scope".to_owned(), json!(scopes.join(" "))),
    ]);
    let expires_at = key.expires_at.map(Timestamp::seconds);
    claims.extend(expires_at.map(|at| ("exp".to_owned(), json!(at))));
    Value::Object(claims)
}

/// RFC 7638, with the members of RFC 8037, section 2, in this order and without spaces.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
}
