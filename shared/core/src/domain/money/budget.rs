//! A monthly budget: its terms, and what of the running month is used.

use serde::{Deserialize, Serialize};

use super::{Count, Hold, MicroUsd, Month, Settlement, Zone};
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;

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
    /// Kind `Invalid` with code `invalid_budget`, naming the field, for terms that no month could
    /// have.
    pub fn check(&self) -> Result<()> {
        let bad =
            |field: &str, text: &str| Err(Error::invalid("invalid_budget", text).field(field));
        if self.limit_micro_usd <= MicroUsd::ZERO || self.limit_micro_usd > LIMIT_MAX {
            return bad(
                "limit_usd",
                "a budget is above 0 and at most a billion dollars; suspend the tenant for none",
            );
        }
        match self.roll_over {
            RollOver::Unused {
                cap_micro_usd: Some(cap),
            } if cap <= MicroUsd::ZERO || cap > LIMIT_MAX => bad(
                "roll_over_cap_usd",
                "a cap is above 0 and at most a billion dollars; roll over none for nothing",
            ),
            _ => Ok(()),
        }
    }

    /// What `left` of a month is worth so many months later.
    pub(super) fn carried(&self, left: MicroUsd, months: u32) -> MicroUsd {
        let RollOver::Unused { cap_micro_usd } = self.roll_over else {
            return MicroUsd::ZERO;
        };
        let cap = cap_micro_usd.unwrap_or(CARRIED_MAX);
        // Of the months between nothing was used.
        let unused = i128::from(left.0)
            + i128::from(self.limit_micro_usd.0) * i128::from(months.saturating_sub(1));
        i64::try_from(unused).map_or(cap, |unused| MicroUsd(unused).min(cap))
    }

    /// What was carried into a running month, as these terms would have it.
    pub(super) fn still_carried(&self, carried: MicroUsd) -> MicroUsd {
        match self.roll_over {
            RollOver::None => MicroUsd::ZERO,
            RollOver::Unused { cap_micro_usd } => {
                cap_micro_usd.map_or(carried, |cap| carried.min(cap))
            }
        }
    }
}

/// A budget with its running month, as the account keeps it: `limit + carried = left + held +
/// spent`.
///
/// A hold belongs to the period of its submit, and its end counts in that one. A month is over with
/// the first run of a later one: what it holds then counts as used, and an end that comes later
/// changes no other month. A budget that is set in mid-month takes over what was submitted in it
/// before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// `None` once the budget was taken away, and while the month of a first one is counted.
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
    /// Tasks that were submitted from then on are of this period too, whatever was in force when
    /// they were: the budget was set after the month had begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// All of the month is in `held` and `spent`. Not so for a month in which an older release set
    /// the budget.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The count that is under way for a budget that is being set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
}

impl Allowance {
    /// Without a budget, now and before.
    pub(super) fn none(month: Month) -> Self {
        let zero = MicroUsd::ZERO;
        let (budget, since, count) = (None, None, None);
        Self {
            budget,
            period: 0,
            month,
            carried: zero,
            held: zero,
            spent: zero,
            since,
            counted: false,
            count,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.period == 0 && self.budget.is_none() && self.count.is_none()
    }

    /// True for a task of this period.
    pub fn takes(&self, hold: &Hold, submitted_at: Timestamp) -> bool {
        hold.period == Some(self.period) || self.since.is_some_and(|since| submitted_at >= since)
    }

    /// What a task that ends now is to remember: it may have ended in a count.
    pub fn hold_at_end(&self, hold: Hold, submitted_at: Timestamp) -> Hold {
        self.count
            .map_or(hold, |count| count.remembered(hold, submitted_at))
    }

    /// What a run may still cost this month; nothing without a budget.
    pub fn left(&self) -> MicroUsd {
        let Some(budget) = &self.budget else {
            return MicroUsd::ZERO;
        };
        MicroUsd(budget.limit_micro_usd.0 + self.carried.0 - self.held.0 - self.spent.0)
    }

    /// When the next month begins.
    pub fn resets_at(&self) -> Timestamp {
        self.budget.as_ref().map_or(Timestamp(i64::MAX), |budget| {
            budget.time_zone.begins(self.month.next())
        })
    }

    /// As it stands at this moment. Months only go forward: a clock that goes back finds the month
    /// that had begun.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        let Some(budget) = &self.budget else {
            return self;
        };
        let month = budget.time_zone.month_at(now);
        let months = month.since(self.month);
        if months == 0 {
            return self;
        }
        let carried = budget.carried(self.left(), months);
        self.period += 1;
        Self {
            month,
            carried,
            held: MicroUsd::ZERO,
            spent: MicroUsd::ZERO,
            since: None,
            counted: true,
            ..self
        }
    }

    /// Kind `InsufficientFunds` with code `budget_exhausted` for what is more than is left.
    pub(super) fn hold(self, price: MicroUsd, now: Timestamp) -> Result<Self> {
        let mut there = self.at(now);
        if let Some(count) = there.count.as_mut().filter(|count| count.takes(now)) {
            count.held = MicroUsd(count.held.0 + price.0);
        }
        let Some(budget) = &there.budget else {
            return Ok(there);
        };
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
            return Err(Error::new(
                Kind::InsufficientFunds,
                "budget_exhausted",
                text,
            ));
        }
        there.held = MicroUsd(there.held.0 + price.0);
        Ok(there)
    }

    /// Ends a hold; what is not of this period changes nothing but a count.
    pub(super) fn settle(
        mut self,
        settlement: Settlement,
        hold: &Hold,
        submitted_at: Timestamp,
    ) -> Result<Self> {
        if let Some(count) = self
            .count
            .as_mut()
            .filter(|count| count.takes(submitted_at))
        {
            count.settle(settlement);
        }
        if !self.takes(hold, submitted_at) {
            return Ok(self);
        }
        let whole = MicroUsd(settlement.capture.0 + settlement.release.0);
        if self.held < whole {
            let text = format!(
                "no hold of {whole} to settle in {}, only {} is held",
                self.month, self.held
            );
            return Err(Error::internal("hold_missing", text));
        }
        self.held = MicroUsd(self.held.0 - whole.0);
        self.spent = MicroUsd(self.spent.0 + settlement.capture.0);
        Ok(self)
    }
}
