//! Retry delays. Random bits for jitter are passed in.

/// The callback schedule, in milliseconds: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h.
/// Source: the example schedule of Standard Webhooks, which Svix uses.
pub const CALLBACK_SCHEDULE_MS: [u64; 7] = [
    5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000,
];

/// A delay that doubles from `first_ms` to `max_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growing {
    pub first_ms: u64,
    pub max_ms: u64,
}

impl Growing {
    /// The delay before round `round`, counted from 0.
    pub fn delay_ms(self, round: u32) -> u64 {
        let factor = 1_u64.checked_shl(round.min(40)).unwrap_or(u64::MAX);
        self.first_ms.saturating_mul(factor).min(self.max_ms)
    }
}

/// Moves a delay by up to ±20 %. `random` is any 64 random bits.
pub fn jittered_ms(delay_ms: u64, random: u64) -> u64 {
    let per_mille = 800 + random % 401;
    (u128::from(delay_ms) * u128::from(per_mille) / 1000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_delay_doubles_up_to_its_bound() {
        let growing = Growing {
            first_ms: 100,
            max_ms: 1_000,
        };

        let delays: Vec<u64> = (0..6).map(|round| growing.delay_ms(round)).collect();

        assert_eq!(delays, [100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(growing.delay_ms(u32::MAX), 1_000);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        assert_eq!(jittered_ms(1_000, 0), 800);
        assert_eq!(jittered_ms(1_000, 400), 1_200);
    }
}
