//! The keys of one issuer.

use std::sync::Arc;

use fluxgate_core::{Error, echo};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use super::discovery::unavailable;
use super::key::{Key, Unusable};
use super::refusal::Refusal;

pub(super) struct KeySet {
    pub(super) keys: Vec<Arc<Key>>,
    pub(super) dropped: Vec<Dropped>,
    /// Number of keys beyond the bound.
    pub(super) unread: usize,
}

/// A key of the set that is not used.
pub(super) struct Dropped {
    pub(super) kid: Option<String>,
    pub(super) why: Unusable,
}

impl KeySet {
    /// Parses a JWK set (RFC 7517, section 5) and skips unusable keys, as the RFC requires. An
    /// answer that is not a key set is an error, so that it never replaces a good set.
    pub(super) fn parse(value: &Value, keys_max: usize) -> Result<Self, Error> {
        let all = value.get("keys").and_then(Value::as_array);
        let all = all.ok_or_else(|| {
            unavailable("the issuer's key set is not a JWK set with a 'keys' array")
        })?;
        let (mut keys, mut dropped) = (Vec::new(), Vec::new());
        for jwk in all.iter().take(keys_max) {
            match Key::from_jwk(jwk) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(why) => dropped.push(Dropped {
                    kid: jwk.get("kid").and_then(Value::as_str).map(str::to_owned),
                    why,
                }),
            }
        }
        Ok(Self {
            keys,
            dropped,
            unread: all.len().saturating_sub(keys_max),
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

    /// What is wrong with the set, for whoever operates it: nothing if only keys for other purposes
    /// were left out.
    pub(super) fn complaint(&self) -> Option<String> {
        const TOLD_MAX: usize = 5;
        let bad = self
            .dropped
            .iter()
            .filter(|key| matches!(key.why, Unusable::Bad(_)));
        let mut told: Vec<String> = bad.clone().take(TOLD_MAX).map(Dropped::text).collect();
        let more = bad.count().saturating_sub(TOLD_MAX);
        if more > 0 {
            told.push(format!("{more} more keys are of no use"));
        }
        if self.unread > 0 {
            told.push(format!(
                "{} keys beyond the bound are not read",
                self.unread
            ));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    fn named(&self, kid: &str, algorithm: Algorithm) -> Result<Arc<Key>, Refusal> {
        let mut named = self
            .keys
            .iter()
            .filter(|key| key.kid.as_deref() == Some(kid));
        if let Some(key) = named.clone().find(|key| key.verifies(algorithm)) {
            return Ok(Arc::clone(key));
        }
        Err(match named.next() {
            Some(_) => Refusal::Algorithm,
            None => self.unknown(Some(kid)),
        })
    }

    fn only(&self, algorithm: Algorithm) -> Result<Arc<Key>, Refusal> {
        let mut keys = self.keys.iter().filter(|key| key.verifies(algorithm));
        match (keys.next(), keys.next()) {
            (Some(key), None) => Ok(Arc::clone(key)),
            (Some(_), Some(_)) => Err(Refusal::KeyUnknown(
                "the token has no 'kid', and several keys of the issuer could be meant; issue tokens with a 'kid'"
                    .into(),
            )),
            (None, _) => Err(self.unknown(None)),
        }
    }

    fn unknown(&self, kid: Option<&str>) -> Refusal {
        let mut dropped = self.dropped.iter();
        let dropped = dropped.find(|key| kid.is_some() && key.kid.as_deref() == kid);
        let text = match (dropped, self.unread) {
            (Some(key), _) => {
                format!(
                    "the issuer's key with the token's 'kid' is of no use: it {}",
                    key.why.text()
                )
            }
            (None, 0) => "the issuer's key set has no usable key with the token's 'kid'".to_owned(),
            (None, unread) => format!(
                "the issuer's key set is too large: {unread} of its keys are not read, and none of the others has the token's 'kid'; remove keys that are no longer used"
            ),
        };
        Refusal::KeyUnknown(text.into())
    }
}

impl Dropped {
    fn text(&self) -> String {
        let kid = self
            .kid
            .as_deref()
            .map_or_else(|| "without a kid".to_owned(), name);
        format!("the key {kid} {}", self.why.text())
    }
}

fn name(kid: &str) -> String {
    format!("'{}'", echo(kid))
}
