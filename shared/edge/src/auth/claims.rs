//! A token's claims, and whether they are valid now. All times are `NumericDate`s: seconds,
//! possibly with a fraction (RFC 7519).

use std::collections::BTreeSet;

use fluxgate_core::tenant::{ClaimMatch, Scope, ScopeMapping};
use fluxgate_core::time::Timestamp;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The year 10,000. Times in milliseconds exceed it.
const SECONDS_MAX: f64 = 253_402_300_800.0;

/// The payload. Parsed once, before the signature is verified; checked only afterwards.
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(payload: Map<String, Value>) -> Self {
        Self(payload)
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// The token's scopes: all of them, unless its trust maps a claim to scopes.
    pub(super) fn scopes(&self, mapping: Option<&ScopeMapping>) -> BTreeSet<Scope> {
        let Some(mapping) = mapping else {
            return Scope::ALL.into();
        };
        let words: Vec<&str> = match self.0.get(&mapping.claim) {
            Some(Value::String(text)) => text.split_whitespace().collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        words
            .into_iter()
            .filter_map(|word| mapping.words.get(word))
            .flatten()
            .copied()
            .collect()
    }

    /// The claim must be a string: a list that contains the value could match several tenants at
    /// once.
    pub(super) fn hold(&self, claim: &ClaimMatch) -> bool {
        self.text(&claim.name) == Some(&claim.value)
    }

    /// Returns when the token expires, the leeway not counted in.
    pub(super) fn check(&self, now: Timestamp, leeway_s: u64) -> Result<Timestamp, Refusal> {
        let leeway_ms = leeway_s.saturating_mul(1_000);
        let expires_at = self.time("exp")?.ok_or(Refusal::Claims(
            "the token must have an expiry: the claim 'exp', in seconds",
        ))?;
        if now >= expires_at.plus_ms(leeway_ms) {
            return Err(Refusal::Expired);
        }
        for claim in ["nbf", "iat"] {
            if self
                .time(claim)?
                .is_some_and(|from| from > now.plus_ms(leeway_ms))
            {
                return Err(Refusal::NotYetValid);
            }
        }
        Ok(expires_at)
    }

    fn time(&self, claim: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.0.get(claim) else {
            return Ok(None);
        };
        let seconds = value
            .as_f64()
            .filter(|seconds| (0.0..SECONDS_MAX).contains(seconds));
        let bad = "the token's 'exp', 'nbf' and 'iat' must be numbers of seconds since 1970, not milliseconds";
        Ok(Some(Timestamp(
            (seconds.ok_or(Refusal::Claims(bad))? * 1_000.0) as i64,
        )))
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim)?.as_str()
    }
}
