//! A tenant's account: `available + held + captured` only changes by a top-up.

use serde::{Deserialize, Serialize};

use super::{MicroUsd, Settlement};
use crate::error::{Error, Kind};

/// What a tenant may still spend, what its running tasks have reserved, and what its finished tasks have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    pub available: MicroUsd,
    pub held: MicroUsd,
    pub captured: MicroUsd,
}

impl Account {
    /// All that was ever put in. Overflow is impossible while [`Account::top_up`] is the only way in.
    pub fn total(&self) -> MicroUsd {
        MicroUsd(self.available.0 + self.held.0 + self.captured.0)
    }

    /// Fails with kind `Invalid` when the amount is not positive or the account would overflow.
    pub fn top_up(self, amount: MicroUsd) -> Result<Self, Error> {
        let bad = || {
            Error::invalid("invalid_amount", "a top-up must be positive and keep the account below 9.2 trillion USD")
        };
        if amount.0 <= 0 {
            return Err(bad());
        }
        self.total().checked_add(amount).ok_or_else(bad)?;
        Ok(Self { available: MicroUsd(self.available.0 + amount.0), ..self })
    }

    /// Fails with kind `InsufficientFunds`, saying what is left and what it would cost.
    pub fn hold(self, price: MicroUsd) -> Result<Self, Error> {
        if price.0 < 0 {
            return Err(Error::internal("negative_price", "a price below zero reached the account"));
        }
        if self.available < price {
            let text = format!("this run costs {price} and {} is left; top up the account", self.available);
            return Err(Error::new(Kind::InsufficientFunds, "insufficient_funds", text));
        }
        let held = self.held.checked_add(price).ok_or_else(overflow)?;
        Ok(Self { available: MicroUsd(self.available.0 - price.0), held, ..self })
    }

    /// Turns a hold into a charge and gives the rest back. A hold that is not there is a defect, never a negative balance.
    pub fn settle(self, settlement: Settlement) -> Result<Self, Error> {
        let whole = settlement.capture.checked_add(settlement.release).ok_or_else(overflow)?;
        let sane = settlement.capture.0 >= 0 && settlement.release.0 >= 0 && whole <= self.held;
        if !sane {
            return Err(Error::internal(
                "hold_missing",
                format!("no hold of {whole} to settle, only {} is held", self.held),
            ));
        }
        Ok(Self {
            available: MicroUsd(self.available.0 + settlement.release.0),
            held: MicroUsd(self.held.0 - whole.0),
            captured: MicroUsd(self.captured.0 + settlement.capture.0),
        })
    }
}

fn overflow() -> Error {
    Error::internal("amount_overflow", "an amount does not fit 64 bits of micro-USD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_an_account_changes_only_by_a_top_up() {
        let account = Account::default().top_up(MicroUsd(100)).unwrap();

        let held = account.hold(MicroUsd(60)).unwrap();
        let settled = held.settle(Settlement { capture: MicroUsd(40), release: MicroUsd(20) }).unwrap();

        assert_eq!(held.total(), MicroUsd(100));
        assert_eq!(settled, Account { available: MicroUsd(60), held: MicroUsd(0), captured: MicroUsd(40) });
    }

    #[test]
    fn a_hold_over_the_balance_is_refused_and_a_missing_hold_cannot_be_settled() {
        let account = Account::default().top_up(MicroUsd(100)).unwrap();

        assert_eq!(account.hold(MicroUsd(101)).unwrap_err().kind, Kind::InsufficientFunds);
        assert_eq!(account.settle(Settlement::capture(MicroUsd(1))).unwrap_err().code, "hold_missing");
    }
}
