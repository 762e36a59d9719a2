//! This installation as an issuer of tokens: its id, and the public keys that verify its API keys.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::seal::Sealed;
use crate::base::time::Timestamp;

/// The installation's record. There is one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Issuer {
    /// The `iss` of every API key: never a URL, so that a new domain makes no key invalid.
    pub id: String,
    /// 1 when it is created; each change is one more.
    pub version: u64,
    /// The active one, and retired ones of which a key is left.
    pub keys: Vec<PublicKey>,
    /// The private keys, where they lie with the record and not in a store of secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_keys: Option<Sealed>,
}

/// An Ed25519 key that verifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// The key, as a JWK writes it.
    pub x: String,
    pub added_at: Timestamp,
    /// When another one began to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
}

impl Issuer {
    /// What every id begins with.
    pub const PREFIX: &str = "fluxgate:";
    /// The `aud` of every API key.
    pub const AUDIENCE: &str = "fluxgate";

    /// One without keys.
    pub fn new(id32: &str) -> Self {
        Self {
            id: format!("{}{id32}", Self::PREFIX),
            version: 1,
            keys: Vec::new(),
            signing_keys: None,
        }
    }

    pub fn has_key(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid)
    }

    pub fn is_active(&self, kid: &str) -> bool {
        let mut keys = self.keys.iter();
        keys.any(|key| key.kid == kid && key.retired_at.is_none())
    }

    /// One key signs, and all others are retired.
    pub fn activate(&mut self, active: PublicKey, now: Timestamp) {
        self.keys.retain(|key| key.kid != active.kid);
        for key in &mut self.keys {
            key.retired_at = key.retired_at.or(Some(now));
        }
        self.keys.insert(0, active);
    }

    /// The key set that verifies (RFC 7517, RFC 8037).
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self.keys.iter().map(PublicKey::jwk).collect();
        json!({ "keys": keys })
    }
}

impl PublicKey {
    /// Whether it was retired at this time or before.
    pub fn is_retired(&self, by: Timestamp) -> bool {
        self.retired_at.is_some_and(|at| at <= by)
    }

    fn jwk(&self) -> Value {
        let Self { kid, x, .. } = self;
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_is_active_and_the_others_remember_when_they_were_retired() {
        let key = |kid: &str| PublicKey {
            kid: kid.to_owned(),
            x: kid.to_owned(),
            added_at: Timestamp(1),
            retired_at: None,
        };
        let mut issuer = Issuer::new("1");

        issuer.activate(key("a"), Timestamp(1));
        issuer.activate(key("b"), Timestamp(2));
        issuer.activate(key("c"), Timestamp(3));

        let retired: Vec<_> = issuer.keys.iter().map(|key| key.retired_at).collect();
        assert_eq!(retired, [None, Some(Timestamp(3)), Some(Timestamp(2))]);
        assert!(issuer.is_active("c") && !issuer.is_active("a"));
        issuer.activate(key("a"), Timestamp(4));
        assert!(issuer.is_active("a") && !issuer.is_active("c"));
        assert_eq!(issuer.keys.len(), 3);
    }
}
