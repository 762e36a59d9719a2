//! The keys of one issuer.

use std::sync::Arc;

use fluxgate_core::Error;
use fluxgate_core::tenant::rsa_key::weakness_of_jwk;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::discovery::unavailable;
use super::key::Key;
use super::refusal::Refusal;

pub(super) struct KeySet {
    keys: Vec<Arc<Key>>,
    /// Number of keys ignored because they can be broken.
    pub(super) weak: usize,
}

impl KeySet {
    /// Parses a JWK set (RFC 7517, section 5) and skips unusable keys, as the RFC requires. An
    /// answer that is not a key set is an error, so that it never replaces a good set.
    pub(super) fn parse(value: &Value, keys_max: usize) -> Result<Self, Error> {
        let keys = value.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or_else(|| {
            unavailable("the issuer's key set is not a JWK set with a 'keys' array")
        })?;
        let keys = || keys.iter().take(keys_max);
        let weak = keys().filter(|key| weakness_of_jwk(key).is_some()).count();
        Ok(Self {
            keys: keys().filter_map(Key::from_jwk).map(Arc::new).collect(),
            weak,
        })
    }

    /// The key with this id. A token without a key id is accepted only if just one key fits.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<Key>, Refusal> {
        match kid {
            Some(kid) => self.named(kid, algorithm),
            None => self.only(algorithm),
        }
    }

    fn named(&self, kid: &str, algorithm: Algorithm) -> Result<Arc<Key>, Refusal> {
        let mut found = Err(Refusal::KeyUnknown);
        for key in self
            .keys
            .iter()
            .filter(|key| key.kid.as_deref() == Some(kid))
        {
            if key.algorithm == algorithm {
                return Ok(Arc::clone(key));
            }
            found = Err(Refusal::Algorithm);
        }
        found
    }

    fn only(&self, algorithm: Algorithm) -> Result<Arc<Key>, Refusal> {
        let mut keys = self.keys.iter().filter(|key| key.algorithm == algorithm);
        match (keys.next(), keys.next()) {
            (Some(key), None) => Ok(Arc::clone(key)),
            _ => Err(Refusal::KeyUnknown),
        }
    }
}
