//! A submit whose outcome is unknown, and how often the provider's list has denied it.

use serde::{Deserialize, Serialize};

use crate::base::bounds::DenialTerms;
use crate::base::time::Timestamp;

/// What is known about a submit in doubt. Part of the task, so that counting continues after a
/// restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// When the submit was started: its run cannot be older.
    pub begun: Timestamp,
    /// How far the clock that this is told by was ahead of the provider's; `None` if nothing had
    /// told it yet. Kept because the clock may be set before the doubt is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_ms: Option<i64>,
    /// Number of complete reads of the provider's list, after the POST had timed out, that did not
    /// show the run.
    #[serde(default)]
    pub denials: u32,
    /// Time of the first denial; `begun` if there is none.
    pub first: Timestamp,
    /// Time of the last denial; `begun` if there is none.
    pub last: Timestamp,
}

impl Doubt {
    pub fn since(begun: Timestamp) -> Self {
        Self {
            begun,
            ahead_ms: None,
            denials: 0,
            first: begun,
            last: begun,
        }
    }

    /// Adds a denial; `None` if it comes too soon after the last one to count.
    pub fn denied(self, now: Timestamp, gap_ms: u64) -> Option<Self> {
        if self.denials == 0 {
            return Some(Self {
                denials: 1,
                first: now,
                last: now,
                ..self
            });
        }
        (now.since_ms(self.last) >= gap_ms).then(|| Self {
            denials: self.denials.saturating_add(1),
            last: now,
            ..self
        })
    }

    /// Whether it is certain that the run does not exist.
    pub fn is_refuted(self, terms: DenialTerms) -> bool {
        self.denials >= terms.denials_min.max(1) && self.last.since_ms(self.first) >= terms.span_ms
    }
}

impl DenialTerms {
    /// Denials closer together than this count as one, so that the required number takes at least
    /// half the span.
    pub fn gap_ms(self) -> u64 {
        self.check_after_ms() / 2
    }

    /// The delay after a denial before looking again.
    pub fn check_after_ms(self) -> u64 {
        self.span_ms / u64::from(self.denials_min.max(2) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: DenialTerms = DenialTerms {
        denials_min: 4,
        span_ms: 180_000,
    };

    /// The doubt after looks at these times, in seconds.
    fn after(seconds: &[i64]) -> Doubt {
        let deny = |doubt: Doubt, second: &i64| {
            doubt
                .denied(Timestamp(second * 1_000), TERMS.gap_ms())
                .unwrap_or(doubt)
        };
        seconds.iter().fold(Doubt::since(Timestamp(0)), deny)
    }

    #[test]
    fn several_denials_over_the_span_refute_and_fewer_or_faster_ones_do_not() {
        assert!(after(&[60, 120, 180, 240]).is_refuted(TERMS));
        assert!(!after(&[60, 120, 180]).is_refuted(TERMS));
        assert!(!after(&[60, 240]).is_refuted(TERMS));
        assert!(!after(&[60, 90, 120, 150, 180]).is_refuted(TERMS));
    }

    #[test]
    fn looks_in_quick_succession_count_once() {
        assert_eq!(after(&[60, 60, 61, 89]).denials, 1);
        assert_eq!(after(&[60, 90]).denials, 2);
    }

    #[test]
    fn a_clock_that_was_set_back_denies_nothing() {
        assert_eq!(after(&[60, 30]), after(&[60]));
    }
}
