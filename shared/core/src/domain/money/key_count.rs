//! What an API key may spend in a month.

use serde::{Deserialize, Serialize};

use super::{Account, MicroUsd, Month};
use crate::base::error::{Error, Kind, Result};
use crate::base::id::KeyId;
use crate::base::time::Timestamp;

/// Where a task of a limited key is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCount {
    pub counter: KeyId,
    pub month: Month,
}

/// What a new task asks of its API key, if that has a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTerms {
    pub counter: KeyId,
    pub monthly_max: MicroUsd,
}

impl KeyTerms {
    /// The month of the account's time zone: its budget's, else UTC.
    pub fn counted_in(&self, account: &Account, at: Timestamp) -> KeyCount {
        KeyCount {
            counter: self.counter.clone(),
            month: account.zone().month_at(at),
        }
    }

    /// The most that may be used before a task of this price; below zero if it never fits.
    pub fn room(&self, price: MicroUsd) -> MicroUsd {
        MicroUsd(self.monthly_max.0.saturating_sub(price.0))
    }

    /// Kind `InsufficientFunds` with code `key_exhausted`, naming what is left and what the run
    /// costs.
    pub fn check(&self, used: MicroUsd, price: MicroUsd) -> Result<()> {
        if used <= self.room(price) || price == MicroUsd::ZERO {
            return Ok(());
        }
        let (limit, left) = (
            self.monthly_max,
            MicroUsd((self.monthly_max.0 - used.0).max(0)),
        );
        let text = format!(
            "this API key may spend {limit} a month and has {left} left; the run costs {price}"
        );
        Err(Error::new(Kind::InsufficientFunds, "key_exhausted", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_fits_if_the_month_s_use_and_its_price_stay_within_the_limit() {
        let terms = KeyTerms {
            counter: KeyId::parse(&"a".repeat(32)).unwrap(),
            monthly_max: MicroUsd(100),
        };

        let refused = |used, price| {
            let checked = terms.check(MicroUsd(used), MicroUsd(price));
            checked.err().map(|error| error.code)
        };

        assert_eq!(refused(0, 100), None);
        assert_eq!(refused(60, 40), None);
        assert_eq!(refused(61, 40), Some("key_exhausted"));
        assert_eq!(refused(0, 101), Some("key_exhausted"));
        assert_eq!(refused(100, 0), None, "a free run");
    }
}
