//! A tenant's account. `available + held + captured` changes only by what operators pay in and take
//! off, and by credit extended to a postpaid tenant.

use serde::{Deserialize, Serialize};

use super::{Allowance, Count, Hold, HoldTerms, MicroUsd, Payment, Settlement, Zone};
use crate::base::error::{Error, Kind, Result, Retry};
use crate::base::time::Timestamp;
use crate::counted;

/// Retry hint when the limit on tasks in flight is reached.
const ROOM_AFTER_MS: u64 = 5_000;

/// What a tenant can still spend, what its running tasks have reserved, and what its finished tasks
/// have cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    pub available: MicroUsd,
    pub held: MicroUsd,
    pub captured: MicroUsd,
    /// The part of `held` and `captured` that was not prepaid: credit of a postpaid tenant, billed
    /// afterwards.
    #[serde(default)]
    pub credit: MicroUsd,
    /// Running tasks that were counted when they were admitted: see [`Hold::counted`].
    #[serde(default)]
    pub in_flight: u32,
    /// The monthly budget; `None` if there never was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Allowance>,
}

impl Account {
    /// The sum of all parts. It fits: top-ups are limited to half of the range, and no budget lends
    /// the other half.
    pub fn total(&self) -> MicroUsd {
        MicroUsd(
            self.available
                .0
                .saturating_add(self.held.0)
                .saturating_add(self.captured.0),
        )
    }

    /// Everything paid in: top-ups and credits, without what was voided and debited.
    pub fn paid_in(&self) -> MicroUsd {
        MicroUsd(self.total().0 - self.credit.0)
    }

    /// The budget in force and its month's use at this moment.
    pub fn budget_at(&self, now: Timestamp) -> Option<Allowance> {
        self.allowance
            .clone()
            .map(|allowance| allowance.at(now))
            .filter(|allowance| allowance.budget.is_some())
    }

    /// The most that a run may cost: the smaller of the balance and what the month's budget leaves.
    pub fn spendable(&self, now: Timestamp) -> MicroUsd {
        match self.budget_at(now) {
            None => self.available,
            Some(allowance) if self.is_postpaid() => allowance.left(),
            Some(allowance) => allowance.left().min(self.available),
        }
    }

    /// The time zone of the account's days: the budget's, else UTC.
    pub fn zone(&self) -> Zone {
        let allowance = self.allowance.as_ref();
        let budget = allowance.and_then(|allowance| allowance.budget.as_ref());
        budget.map_or_else(Zone::default, |budget| budget.time_zone.clone())
    }

    pub fn is_postpaid(&self) -> bool {
        let budget = self
            .allowance
            .as_ref()
            .and_then(|allowance| allowance.budget.as_ref());
        budget.is_some_and(|budget| budget.payment == Payment::Postpaid)
    }

    /// The maximum balance that top-ups may reach.
    pub const PAID_IN_MAX: MicroUsd = MicroUsd(i64::MAX / 2);

    /// Fails with kind `Invalid` if the amount is not positive or the account would overflow.
    pub fn top_up(self, amount: MicroUsd) -> Result<Self, Error> {
        let paid_in = self
            .paid_in()
            .checked_add(amount)
            .filter(|paid_in| *paid_in <= Self::PAID_IN_MAX);
        if amount.0 <= 0 || paid_in.is_none() {
            let text = "a top-up must be positive and keep the account below 4.6 trillion USD";
            return Err(Error::invalid("invalid_amount", text));
        }
        Ok(Self {
            available: MicroUsd(self.available.0 + amount.0),
            ..self
        })
    }

    /// Reserves the price of a task and returns the hold that the task must carry.
    ///
    /// Fails with kind `Busy`, code `too_many_tasks`, over the limit of tasks in flight; with kind
    /// `InsufficientFunds`, naming what is left and what the run costs: code `budget_exhausted`
    /// over the month's budget, `insufficient_funds` over the balance.
    pub fn hold(self, terms: &HoldTerms) -> Result<(Self, Hold)> {
        if terms.price.0 < 0 {
            return Err(Error::internal(
                "negative_price",
                "the price of a hold is negative",
            ));
        }
        let mut next = self.counted(terms)?;
        let mut hold = Hold {
            counted: terms.counts(),
            ..Hold::default()
        };
        if terms.price == MicroUsd::ZERO {
            return Ok((next, hold));
        }
        if let Some(allowance) = next.allowance.take() {
            let allowance = allowance.hold(terms.price, terms.at)?;
            hold.period = allowance.budget.is_some().then_some(allowance.period);
            hold.began_in = allowance
                .count
                .filter(|count| count.takes(terms.at))
                .map(|count| count.id);
            next.allowance = Some(allowance);
        }
        hold.on_credit = next.is_postpaid();
        next.held = next.held.checked_add(terms.price).ok_or_else(overflow)?;
        if hold.on_credit {
            next.credit = next.credit.checked_add(terms.price).ok_or_else(overflow)?;
        } else if next.available < terms.price {
            let (price, left) = (terms.price, next.available);
            let text =
                format!("this run costs {price}, but only {left} is left; top up the account");
            return Err(Error::new(
                Kind::InsufficientFunds,
                "insufficient_funds",
                text,
            ));
        } else {
            next.available = MicroUsd(next.available.0 - terms.price.0);
        }
        Ok((next, hold))
    }

    fn counted(self, terms: &HoldTerms) -> Result<Self> {
        if let Some(most) = terms.tasks_in_flight_max
            && self.in_flight >= most
        {
            let text = format!(
                "{} in flight, the limit is {most}; wait until one has ended",
                counted(self.in_flight as usize, "task")
            );
            return Err(
                Error::new(Kind::Busy, "too_many_tasks", text).retry(Retry::AfterMs(ROOM_AFTER_MS))
            );
        }
        Ok(Self {
            in_flight: self.in_flight + u32::from(terms.counts()),
            ..self
        })
    }

    /// Turns a hold into a charge and releases the rest. A missing hold is an internal error, so
    /// that the balance never becomes negative.
    pub fn settle(
        self,
        settlement: Settlement,
        hold: &Hold,
        submitted_at: Timestamp,
    ) -> Result<Self, Error> {
        let whole = settlement
            .capture
            .checked_add(settlement.release)
            .ok_or_else(overflow)?;
        let sane = settlement.capture.0 >= 0 && settlement.release.0 >= 0 && whole <= self.held;
        if !sane
            || self.in_flight < u32::from(hold.counted)
            || (hold.on_credit && settlement.release > self.credit)
        {
            let (held, tasks) = (self.held, counted(self.in_flight as usize, "task"));
            let text = format!("cannot settle a hold of {whole}: only {held} is held for {tasks}");
            return Err(Error::internal("hold_missing", text));
        }
        let (returned, repaid) = if hold.on_credit {
            (MicroUsd::ZERO, settlement.release)
        } else {
            (settlement.release, MicroUsd::ZERO)
        };
        let allowance = self
            .allowance
            .map(|allowance| allowance.settle(settlement, hold, submitted_at))
            .transpose()?;
        Ok(Self {
            available: MicroUsd(self.available.0 + returned.0),
            held: MicroUsd(self.held.0 - whole.0),
            captured: MicroUsd(self.captured.0 + settlement.capture.0),
            credit: MicroUsd(self.credit.0 - repaid.0),
            in_flight: self.in_flight - u32::from(hold.counted),
            allowance,
        })
    }

    /// The hold that an ending task must remember: it may have ended during a count.
    pub fn hold_at_end(&self, hold: Hold, submitted_at: Timestamp) -> Hold {
        self.allowance
            .as_ref()
            .map_or(hold, |allowance| allowance.hold_at_end(hold, submitted_at))
    }

    /// The count in progress.
    pub fn count(&self) -> Option<Count> {
        self.allowance
            .as_ref()
            .and_then(|allowance| allowance.count)
    }
}

fn overflow() -> Error {
    Error::internal(
        "amount_overflow",
        "an amount does not fit 64 bits of micro-USD",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(price: i64, tasks_in_flight_max: Option<u32>) -> HoldTerms {
        HoldTerms {
            price: MicroUsd(price),
            tasks_in_flight_max,
            at: Timestamp(0),
        }
    }

    #[test]
    fn the_sum_of_an_account_changes_only_by_a_top_up() {
        let account = Account::default().top_up(MicroUsd(100)).unwrap();

        let (held, hold) = account.hold(&terms(60, None)).unwrap();
        let settled = held
            .clone()
            .settle(
                Settlement {
                    capture: MicroUsd(40),
                    release: MicroUsd(20),
                },
                &hold,
                Timestamp(0),
            )
            .unwrap();

        assert_eq!((held.total(), held.in_flight), (MicroUsd(100), 1));
        let left = Account {
            available: MicroUsd(60),
            captured: MicroUsd(40),
            ..Account::default()
        };
        assert_eq!(settled, left);
    }

    #[test]
    fn a_hold_over_the_balance_is_refused_and_a_missing_hold_cannot_be_settled() {
        let account = Account::default().top_up(MicroUsd(100)).unwrap();

        let refused = account.clone().hold(&terms(101, None)).unwrap_err();

        assert_eq!(
            (refused.kind, refused.code),
            (Kind::InsufficientFunds, "insufficient_funds")
        );
        let hold = Hold::default();
        let settle = |capture, hold| {
            account
                .clone()
                .settle(Settlement::capture(MicroUsd(capture)), hold, Timestamp(0))
        };
        assert_eq!(settle(1, &hold).unwrap_err().code, "hold_missing");
        let hold = Hold {
            counted: true,
            ..hold
        };
        assert_eq!(settle(0, &hold).unwrap_err().code, "hold_missing");
    }

    #[test]
    fn a_top_up_keeps_half_of_what_fits_for_credit() {
        let account = Account::default().top_up(Account::PAID_IN_MAX).unwrap();

        assert_eq!(
            account.top_up(MicroUsd(1)).unwrap_err().code,
            "invalid_amount"
        );
        assert_eq!(
            Account::default()
                .top_up(MicroUsd(i64::MAX))
                .unwrap_err()
                .code,
            "invalid_amount"
        );
    }

    #[test]
    fn a_task_too_many_is_refused_and_the_end_of_one_makes_room() {
        let (one, hold) = Account::default().hold(&terms(0, Some(1))).unwrap();

        let refused = one.clone().hold(&terms(0, Some(1))).unwrap_err();
        let none = one
            .settle(Settlement::capture(MicroUsd::ZERO), &hold, Timestamp(0))
            .unwrap();

        assert_eq!((refused.kind, refused.code), (Kind::Busy, "too_many_tasks"));
        assert_eq!(refused.retry, Retry::AfterMs(5_000));
        assert!(
            refused.message.contains("1 task in flight, the limit is 1"),
            "{refused}"
        );
        assert_eq!(none, Account::default());
        assert!(none.hold(&terms(0, Some(1))).is_ok());
    }

    #[test]
    fn a_task_without_price_and_limit_is_not_counted() {
        let (account, hold) = Account::default().hold(&terms(0, None)).unwrap();

        assert_eq!((account, hold), (Account::default(), Hold::default()));
    }
}
