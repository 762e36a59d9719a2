//! How an endpoint has done lately: what its circuit breaker and its disabling go by. It is only
//! written when something fails or changes.

use serde::{Deserialize, Serialize};

use crate::base::bounds::HealthTerms;
use crate::base::time::Timestamp;

/// Zero and nothing is good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    #[serde(default)]
    pub consecutive_failures: u32,
    /// The first failure since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Nothing is sent until then; after that one probe is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Timestamp>,
}

/// What a breaker lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Breaker {
    /// Everything.
    Closed,
    /// Nothing for now.
    Open,
    /// One delivery, to see whether the receiver is back.
    HalfOpen,
}

impl Health {
    pub fn is_good(&self) -> bool {
        *self == Self::default()
    }

    pub fn breaker(&self, now: Timestamp) -> Breaker {
        match self.open_until {
            None => Breaker::Closed,
            Some(until) if until > now => Breaker::Open,
            Some(_) => Breaker::HalfOpen,
        }
    }

    /// After an attempt that failed.
    #[must_use]
    pub fn failed(&self, terms: &HealthTerms, now: Timestamp) -> Self {
        let failures = self.consecutive_failures.saturating_add(1);
        let beyond = failures.checked_sub(terms.failures_to_open);
        let open_ms = beyond.map(|doublings| {
            let factor = 1u64.checked_shl(doublings.min(32)).unwrap_or(u64::MAX);
            terms
                .open_first_ms
                .saturating_mul(factor)
                .min(terms.open_max_ms)
        });
        Self {
            consecutive_failures: failures,
            failing_since: Some(self.failing_since.unwrap_or(now)),
            open_until: open_ms.map(|ms| now.plus_ms(ms)),
        }
    }

    /// True when it has only failed for so long that it is to be disabled.
    pub fn is_hopeless(&self, terms: &HealthTerms, now: Timestamp) -> bool {
        self.failing_since
            .is_some_and(|since| now.since_ms(since) >= terms.failing_max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: HealthTerms = HealthTerms {
        failures_to_open: 3,
        open_first_ms: 1_000,
        open_max_ms: 60_000,
        failing_max_ms: 100_000,
    };

    fn after(failures: u32) -> Health {
        (0..failures).fold(Health::default(), |health, n| {
            health.failed(&TERMS, Timestamp(i64::from(n)))
        })
    }

    #[test]
    fn a_breaker_opens_on_consecutive_failures_and_probes_ever_more_seldom() {
        assert_eq!(after(2).breaker(Timestamp(2)), Breaker::Closed);
        let open = after(3);
        assert_eq!(open.open_until, Some(Timestamp(1_002)));
        assert_eq!(open.breaker(Timestamp(1_001)), Breaker::Open);
        assert_eq!(open.breaker(Timestamp(1_002)), Breaker::HalfOpen);
        assert_eq!(after(4).open_until, Some(Timestamp(2_003)));
        assert_eq!(after(50).open_until, Some(Timestamp(60_049)));
        assert!(Health::default().is_good() && !open.is_good());
    }

    #[test]
    fn an_endpoint_is_hopeless_after_the_bound_since_its_first_failure() {
        let failing = after(5);

        assert_eq!(failing.failing_since, Some(Timestamp(0)));
        assert!(!failing.is_hopeless(&TERMS, Timestamp(99_999)));
        assert!(failing.is_hopeless(&TERMS, Timestamp(100_000)));
        assert!(!Health::default().is_hopeless(&TERMS, Timestamp(100_000)));
    }
}
