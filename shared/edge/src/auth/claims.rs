//! A token's claims, and whether they are valid now. All times are `NumericDate`s: seconds,
//! possibly with a fraction (RFC 7519).

use fluxgate_core::time::Timestamp;
use serde_json::{Map, Value};

use super::refusal::{Refusal, Times};

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

    pub(super) fn id(&self) -> Option<&str> {
        self.text("jti")
    }

    /// As [`Self::check`], of this installation's own tokens, which alone need not expire.
    pub(super) fn check_own(
        &self,
        now: Timestamp,
        leeway_s: u64,
    ) -> Result<Option<Timestamp>, Refusal> {
        match self.0.get("exp") {
            None => Ok(None),
            Some(_) => match self.check(now, leeway_s) {
                Err(Refusal::Expired(times)) => Err(Refusal::KeyExpired(times)),
                checked => checked.map(Some),
            },
        }
    }

    /// As a trust reads them.
    pub(super) fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns when the token expires, the leeway not counted in.
    pub(super) fn check(&self, now: Timestamp, leeway_s: u64) -> Result<Timestamp, Refusal> {
        let leeway_ms = leeway_s.saturating_mul(1_000);
        let expires_at = self.time("exp")?.ok_or(Refusal::Claims(
            "the token must have an expiry: the claim 'exp', in seconds",
        ))?;
        if now >= expires_at.plus_ms(leeway_ms) {
            let token = expires_at;
            return Err(Refusal::Expired(Times { token, now }));
        }
        for claim in ["nbf", "iat"] {
            let from = self.time(claim)?;
            if let Some(token) = from.filter(|from| *from > now.plus_ms(leeway_ms)) {
                return Err(Refusal::NotYetValid(Times { token, now }));
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
