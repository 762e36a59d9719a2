//! What operators do to an account besides topping it up: adjustments, refunds, and voids of
//! top-ups. None takes what is not available.

use super::{Account, CountId, EntryKind, Hold, MicroUsd};
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;
use crate::base::unprintable::is_unprintable;

/// Maximum length of a reference.
const REFERENCE_BYTES_MAX: usize = 128;
/// Maximum length of a reason.
const REASON_BYTES_MAX: usize = 500;

/// A correction of an account, once for each reference and direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    pub direction: Direction,
    pub amount: MicroUsd,
    pub reference: String,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Credit,
    Debit,
}

impl Direction {
    pub fn kind(self) -> EntryKind {
        match self {
            Self::Credit => EntryKind::AdjustmentCredit,
            Self::Debit => EntryKind::AdjustmentDebit,
        }
    }
}

/// An account after a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    pub account: Account,
    /// False if it had been made before, and nothing was written now.
    pub is_new: bool,
}

impl Corrected {
    pub fn new(account: Account) -> Self {
        Self {
            account,
            is_new: true,
        }
    }

    pub fn repeated(account: Account) -> Self {
        Self {
            account,
            is_new: false,
        }
    }
}

/// Kind `Invalid` with code `invalid_reference` for a reference that is empty, too long or not
/// printable.
pub fn check_reference(reference: &str) -> Result<()> {
    if !is_fit(reference, REFERENCE_BYTES_MAX) {
        let text = format!(
            "a reference must have 1 to {REFERENCE_BYTES_MAX} bytes of printable text; use your invoice number"
        );
        return Err(Error::invalid("invalid_reference", text).field("reference"));
    }
    Ok(())
}

/// Kind `Invalid` with code `invalid_reason`, as [`check_reference`].
pub fn check_reason(reason: &str) -> Result<()> {
    if !is_fit(reason, REASON_BYTES_MAX) {
        let text = format!(
            "a reason must have 1 to {REASON_BYTES_MAX} bytes of printable text; the tenant reads it in its ledger"
        );
        return Err(Error::invalid("invalid_reason", text).field("reason"));
    }
    Ok(())
}

fn is_fit(text: &str, bytes_max: usize) -> bool {
    !text.trim().is_empty() && text.len() <= bytes_max && !text.contains(is_unprintable)
}

/// Kind `Invalid` with code `invalid_amount` unless it is above zero.
pub fn check_amount(amount: MicroUsd) -> Result<()> {
    if amount <= MicroUsd::ZERO {
        let text = "the amount must be above 0, with at most 6 decimals, such as 25 or 0.08";
        return Err(Error::invalid("invalid_amount", text).field("amount_usd"));
    }
    Ok(())
}

impl Account {
    /// Everything paid in minus everything charged: what is available and held, without what is
    /// lent. Negative for a postpaid tenant that owes.
    pub fn balance(&self) -> MicroUsd {
        MicroUsd(self.available.0.saturating_add(self.held.0) - self.credit.0)
    }

    /// Kind `Conflict` with code `balance_too_low` for a debit over what is available; kind
    /// `Invalid` for an amount that is not positive or would overflow the account.
    pub fn adjust(self, adjustment: &Adjustment) -> Result<Self> {
        check_amount(adjustment.amount)?;
        match adjustment.direction {
            Direction::Credit => self.top_up(adjustment.amount),
            Direction::Debit => self.take("debit", adjustment.amount),
        }
    }

    /// Takes a top-up back. Kind `Conflict` with code `balance_too_low` if less is available.
    pub fn void(self, amount: MicroUsd) -> Result<Self> {
        self.take("void", amount)
    }

    fn take(self, what: &str, amount: MicroUsd) -> Result<Self> {
        if self.available < amount {
            let left = self.available;
            let text = format!(
                "a {what} of {amount} is more than the {left} that is available; what runs hold and what was charged cannot be taken"
            );
            return Err(Error::new(Kind::Conflict, "balance_too_low", text));
        }
        Ok(Self {
            available: MicroUsd(self.available.0 - amount.0),
            ..self
        })
    }

    /// Gives back a part of what a task was charged, the way it was paid: to the balance, or off
    /// the credit; and to the budget, if the month of the task's submit is still running. Returns
    /// the count in progress that the refund is included in.
    pub fn refund(
        self,
        amount: MicroUsd,
        hold: &Hold,
        submitted_at: Timestamp,
    ) -> Result<(Self, Option<CountId>)> {
        if amount <= MicroUsd::ZERO
            || self.captured < amount
            || (hold.on_credit && self.credit < amount)
        {
            let captured = self.captured;
            let text = format!("cannot refund {amount}: only {captured} was captured");
            return Err(Error::internal("capture_missing", text));
        }
        let (returned, repaid) = if hold.on_credit {
            (MicroUsd::ZERO, amount)
        } else {
            (amount, MicroUsd::ZERO)
        };
        let count = self.count().filter(|count| count.takes(submitted_at));
        let allowance = self
            .allowance
            .map(|allowance| allowance.refund(amount, hold, submitted_at));
        let account = Self {
            available: MicroUsd(self.available.0 + returned.0),
            captured: MicroUsd(self.captured.0 - amount.0),
            credit: MicroUsd(self.credit.0 - repaid.0),
            allowance,
            ..self
        };
        Ok((account, count.map(|count| count.id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{HoldTerms, Settlement};

    fn adjustment(direction: Direction, amount: i64) -> Adjustment {
        Adjustment {
            direction,
            amount: MicroUsd(amount),
            reference: "r".to_owned(),
            reason: "why".to_owned(),
        }
    }

    fn charged(price: i64) -> (Account, Hold) {
        let terms = HoldTerms {
            price: MicroUsd(price),
            tasks_in_flight_max: None,
            at: Timestamp(0),
        };
        let account = Account::default().top_up(MicroUsd(100)).unwrap();
        let (account, hold) = account.hold(&terms).unwrap();
        let settlement = Settlement::capture(MicroUsd(price));
        (
            account.settle(settlement, &hold, Timestamp(0)).unwrap(),
            hold,
        )
    }

    #[test]
    fn an_adjustment_changes_what_is_paid_in_and_takes_no_more_than_is_available() {
        let (account, _) = charged(60);

        let credited = account.clone().adjust(&adjustment(Direction::Credit, 5));
        let debited = account.clone().adjust(&adjustment(Direction::Debit, 40));
        let refused = account.clone().adjust(&adjustment(Direction::Debit, 41));

        let credited = credited.unwrap();
        assert_eq!(credited.available, MicroUsd(45));
        assert_eq!(credited.paid_in(), MicroUsd(105));
        let debited = debited.unwrap();
        assert_eq!(debited.available, MicroUsd::ZERO);
        assert_eq!(debited.paid_in(), MicroUsd(60));
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.kind, refused.code),
            (Kind::Conflict, "balance_too_low")
        );
        for amount in [0, -1] {
            let refused = account
                .clone()
                .adjust(&adjustment(Direction::Credit, amount));
            assert_eq!(refused.unwrap_err().code, "invalid_amount");
        }
        assert_eq!(account.void(MicroUsd(41)).unwrap_err().code, refused.code);
    }

    #[test]
    fn a_refund_goes_back_to_where_the_charge_was_paid_from() {
        let (account, hold) = charged(60);

        let (refunded, _) = account
            .clone()
            .refund(MicroUsd(25), &hold, Timestamp(0))
            .unwrap();
        let refused = account.refund(MicroUsd(61), &hold, Timestamp(0));

        assert_eq!(
            (refunded.available, refunded.captured, refunded.balance()),
            (MicroUsd(65), MicroUsd(35), MicroUsd(65))
        );
        assert_eq!(refunded.paid_in(), MicroUsd(100));
        assert_eq!(refused.unwrap_err().code, "capture_missing");
    }

    #[test]
    fn what_no_person_could_read_is_no_reference_and_no_reason() {
        let long = "x".repeat(501);
        for text in ["", "  ", "a\nb", "a\u{202e}b", long.as_str()] {
            assert_eq!(check_reference(text).unwrap_err().code, "invalid_reference");
            assert_eq!(check_reason(text).unwrap_err().code, "invalid_reason");
        }
        check_reference("Rechnung 2026/17, Müller").unwrap();
        check_reason(&"x".repeat(500)).unwrap();
    }
}
