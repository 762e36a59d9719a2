//! What the end of a task does to the account.

use serde::{Deserialize, Serialize};

use super::MicroUsd;

/// The effect of a task's end on the tenant's account. `capture + release` is the task's whole
/// hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub capture: MicroUsd,
    pub release: MicroUsd,
}

impl Settlement {
    pub fn capture(amount: MicroUsd) -> Self {
        Self {
            capture: amount,
            release: MicroUsd::ZERO,
        }
    }

    /// Charges for the outputs that were produced out of those requested, rounded up to the
    /// micro-dollar and never more than the price; the rest is released.
    pub fn partial(price: MicroUsd, came: usize, asked: u32) -> Self {
        let (came, asked) = (came as i128, i128::from(asked.max(1)));
        if came >= asked {
            return Self::capture(price);
        }
        let part = (i128::from(price.0) * came + asked - 1).div_euclid(asked);
        // It is at most the price, which fits.
        let capture = MicroUsd(i64::try_from(part).unwrap_or(price.0).clamp(0, price.0));
        Self {
            capture,
            release: MicroUsd(price.0 - capture.0),
        }
    }

    pub fn release(amount: MicroUsd) -> Self {
        Self {
            capture: MicroUsd::ZERO,
            release: amount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_outputs_than_asked_for_are_charged_by_their_share() {
        let partial = |price, came, asked| {
            let Settlement { capture, release } = Settlement::partial(MicroUsd(price), came, asked);
            (capture.0, release.0)
        };

        assert_eq!(partial(40_000, 4, 4), (40_000, 0));
        assert_eq!(partial(40_000, 5, 4), (40_000, 0));
        assert_eq!(partial(40_000, 3, 4), (30_000, 10_000));
        assert_eq!(partial(10, 1, 3), (4, 6));
        assert_eq!(partial(40_000, 0, 4), (0, 40_000));
        assert_eq!(partial(0, 0, 4), (0, 0));
    }
}
