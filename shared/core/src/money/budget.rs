//! A monthly budget: its terms, and what of the running month is used.

use serde::{Deserialize, Serialize};

use super::{MicroUsd, Month, Settlement, Zone};
use crate::error::{Error, Kind, Result};
use crate::time::Timestamp;

/// A billion dollars a month. More is a slip of the pen.
const LIMIT_MAX: MicroUsd = MicroUsd(1_000_000_000_000_000);
/// What may be carried over without a cap of its own, so that no sum can overflow.
const CARRIED_MAX: MicroUsd = MicroUsd(1_000_000_000_000_000_000);

/// What becomes of what a month leaves over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollOver {
    None,
    /// It is added to the next month's, at most this much.
    Unused {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cap_micro_usd: Option<MicroUsd>,
    },
}

/// Whether runs need money in the account as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// A run must fit both the balance and the budget.
    Prepaid,
    /// The budget alone counts; the balance is not touched, and what was used is billed afterwards.
    Postpaid,
}

/// The terms of a monthly budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub limit_micro_usd: MicroUsd,
    pub time_zone: Zone,
    pub roll_over: RollOver,
    pub payment: Payment,
}

impl Budget {
    /// Kind `Invalid` with code `invalid_budget`, naming the field, for terms that no month could have.
    pub fn check(&self) -> Result<()> {
        let bad = |field: &str, text: &str| Err(Error::invalid("invalid_budget", text).field(field));
        if self.limit_micro_usd <= MicroUsd::ZERO || self.limit_micro_usd > LIMIT_MAX {
            return bad("limit_usd", "a budget is above 0 and at most a billion dollars; suspend the tenant for none");
        }
        match self.roll_over {
            RollOver::Unused { cap_micro_usd: Some(cap) } if cap <= MicroUsd::ZERO || cap > LIMIT_MAX => {
                bad("roll_over_cap_usd", "a cap is above 0 and at most a billion dollars; roll over none for nothing")
            }
            _ => Ok(()),
        }
    }

    /// What `left` of a month is worth so many months later.
    fn carried(&self, left: MicroUsd, months: u32) -> MicroUsd {
        let RollOver::Unused { cap_micro_usd } = self.roll_over else { return MicroUsd::ZERO };
        let cap = cap_micro_usd.unwrap_or(CARRIED_MAX);
        // Of the months between nothing was used.
        let unused = i128::from(left.0) + i128::from(self.limit_micro_usd.0) * i128::from(months.saturating_sub(1));
        i64::try_from(unused).map_or(cap, |unused| MicroUsd(unused).min(cap))
    }

    /// What was carried into a running month, as these terms would have it.
    fn still_carried(&self, carried: MicroUsd) -> MicroUsd {
        match self.roll_over {
            RollOver::None => MicroUsd::ZERO,
            RollOver::Unused { cap_micro_usd } => cap_micro_usd.map_or(carried, |cap| carried.min(cap)),
        }
    }
}

/// A budget with its running month, as the account keeps it: `limit + carried = left + held + spent`.
///
/// A hold belongs to the period of its submit, and its end counts in that one. A month is over with the first run of a later one:
/// what it holds then counts as used, and an end that comes later changes no other month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// `None` once the budget was taken away: what it had counted is kept, in case it is set again within the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Counts the months that began here; never goes back.
    pub period: u64,
    pub month: Month,
    /// What the month before left over.
    pub carried: MicroUsd,
    /// For tasks of this period that are not over.
    pub held: MicroUsd,
    /// Captured for tasks of this period.
    pub spent: MicroUsd,
}

impl Allowance {
    /// What a run may still cost this month; nothing without a budget.
    pub fn left(&self) -> MicroUsd {
        let Some(budget) = &self.budget else { return MicroUsd::ZERO };
        MicroUsd(budget.limit_micro_usd.0 + self.carried.0 - self.held.0 - self.spent.0)
    }

    /// When the next month begins.
    pub fn resets_at(&self) -> Timestamp {
        self.budget.as_ref().map_or(Timestamp(i64::MAX), |budget| budget.time_zone.begins(self.month.next()))
    }

    /// As it stands at this moment. Months only go forward: a clock that goes back finds the month that had begun.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let Some(budget) = &self.budget else { return self };
        let month = budget.time_zone.month_at(now);
        let months = month.since(self.month);
        if months == 0 {
            return self;
        }
        let carried = budget.carried(self.left(), months);
        self.period += 1;
        Self { month, carried, held: MicroUsd::ZERO, spent: MicroUsd::ZERO, ..self }
    }

    /// Kind `InsufficientFunds` with code `budget_exhausted` for what is more than is left.
    pub(super) fn hold(self, price: MicroUsd, now: Timestamp) -> Result<Self> {
        let mut there = self.at(now);
        let Some(budget) = &there.budget else { return Ok(there) };
        if there.left() < price {
            let carried = match there.carried {
                MicroUsd::ZERO => String::new(),
                carried => format!(" and {carried} carried over"),
            };
            let text = format!(
                "this run costs {price} and {} of the month's budget of {}{carried} is left; the next month begins at {}, \
                 or ask the operator for a larger budget",
                there.left(),
                budget.limit_micro_usd,
                there.resets_at().rfc3339(),
            );
            return Err(Error::new(Kind::InsufficientFunds, "budget_exhausted", text));
        }
        there.held = MicroUsd(there.held.0 + price.0);
        Ok(there)
    }

    /// Ends a hold of this period.
    pub(super) fn settle(mut self, settlement: Settlement) -> Result<Self> {
        let whole = MicroUsd(settlement.capture.0 + settlement.release.0);
        if self.held < whole {
            let text = format!("no hold of {whole} to settle in {}, only {} is held", self.month, self.held);
            return Err(Error::internal("hold_missing", text));
        }
        self.held = MicroUsd(self.held.0 - whole.0);
        self.spent = MicroUsd(self.spent.0 + settlement.capture.0);
        Ok(self)
    }

    /// The running month under other terms, or the first month of a first budget.
    ///
    /// Kind `Conflict` with code `budget_below_use` for a budget that is less than what is held and captured this month.
    pub(super) fn set(before: Option<Self>, budget: Option<Budget>, now: Timestamp) -> Result<Option<Self>> {
        let Some(budget) = budget else {
            return Ok(before.map(|before| Self { budget: None, ..before.at(now) }));
        };
        budget.check()?;
        let mut next = match before {
            Some(before) => before.resumed(&budget, now),
            None => {
                let (zero, month) = (MicroUsd::ZERO, budget.time_zone.month_at(now));
                Self { budget: None, period: 1, month, carried: zero, held: zero, spent: zero }
            }
        };
        next.carried = budget.still_carried(next.carried);
        let used = MicroUsd(next.held.0 + next.spent.0);
        let least = MicroUsd(used.0 - next.carried.0);
        if budget.limit_micro_usd < least {
            let text = format!(
                "{} of {} is captured and {} held: set a budget of at least {least}, or suspend the tenant",
                next.spent, next.month, next.held
            );
            return Err(Error::new(Kind::Conflict, "budget_below_use", text).field("limit_usd"));
        }
        next.budget = Some(budget);
        Ok(Some(next))
    }

    /// The month in which other terms find it.
    fn resumed(self, budget: &Budget, now: Timestamp) -> Self {
        let month = budget.time_zone.month_at(now);
        let mut there = self.at(now);
        if there.budget.is_none() && month > there.month {
            // What it counted is long over.
            let zero = MicroUsd::ZERO;
            return Self { period: there.period + 1, month, carried: zero, held: zero, spent: zero, ..there };
        }
        // No time zone is a month ahead of another: a clock was. What was counted stays counted.
        if there.month.since(month) > 1 {
            there.month = month;
        }
        there
    }
}
