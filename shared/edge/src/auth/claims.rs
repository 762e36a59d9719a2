//! What a token says, and whether it holds now. All times are `NumericDate`s: seconds, perhaps with
//! a fraction (RFC 7519).

use std::collections::BTreeSet;

use fluxgate_core::tenant::{ClaimMatch, Scope, ScopeMapping, Trust};
use fluxgate_core::time::Timestamp;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The year 10,000. Whoever writes milliseconds is beyond it.
const SECONDS_MAX: f64 = 253_402_300_800.0;

/// The payload. Read once, before the signature is verified; checked only after.
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

    /// What the token may be used for: everything, unless its issuer's words say what.
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

    /// The claim must be a text: a list that merely contains the value could speak for several
    /// tenants at once.
    pub(super) fn hold(&self, claim: &ClaimMatch) -> bool {
        self.text(&claim.name) == Some(&claim.value)
    }

    /// Returns when the token expires, the leeway not counted in.
    pub(super) fn check(
        &self,
        trust: &Trust,
        now: Timestamp,
        leeway_s: u64,
    ) -> Result<Timestamp, Refusal> {
        let leeway_ms = leeway_s.saturating_mul(1_000);
        let expires_at = self.time("exp")?.ok_or(Refusal::Claims(
            "the token must have an expiry, the claim 'exp' in seconds",
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
        if !self.is_for(&trust.audience) {
            return Err(Refusal::Audience);
        }
        Ok(expires_at)
    }

    /// `aud` is one text or a list of them (RFC 7519, section 4.1.3).
    fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    fn time(&self, claim: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.0.get(claim) else {
            return Ok(None);
        };
        let seconds = value
            .as_f64()
            .filter(|seconds| (0.0..SECONDS_MAX).contains(seconds));
        let bad = "the token's 'exp', 'nbf' and 'iat' must be seconds since 1970: numbers, and not milliseconds";
        Ok(Some(Timestamp(
            (seconds.ok_or(Refusal::Claims(bad))? * 1_000.0) as i64,
        )))
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim)?.as_str()
    }
}
