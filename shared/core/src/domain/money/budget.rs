//! A monthly budget: its terms, and how much of the current month is used.

use serde::{Deserialize, Serialize};

use super::{Count, Hold, MicroUsd, Month, Settlement, Zone};
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;

/// A billion dollars a month. More is surely a typing error.
const LIMIT_MAX: MicroUsd = MicroUsd(1_000_000_000_000_000);
/// Maximum carry-over for budgets without a cap of their own, so that no sum can overflow.
const CARRIED_MAX: MicroUsd = MicroUsd(1_000_000_000_000_000_000);

/// What happens to a month's unused budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollOver {
    None,
    /// It is carried over to the next month, up to this cap.
    Unused {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cap_micro_usd: Option<MicroUsd>,
    },
}

/// Whether runs also need a balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// A run must fit both the balance and the budget.
    Prepaid,
    /// Only the budget counts; the balance is not touched, and usage is billed afterwards.
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
    /// Kind `Invalid` with code `invalid_budget`, naming the field, for impossible terms.
    pub fn check(&self) -> Result<()> {
        let bad =
            |field: &str, text: &str| Err(Error::invalid("invalid_budget", text).field(field));
        if self.limit_micro_usd <= MicroUsd::ZERO || self.limit_micro_usd > LIMIT_MAX {
            return bad(
                "limit_usd",
                "a budget must be above 0 and at most a billion dollars; to allow no runs, suspend the tenant",
            );
        }
        match self.roll_over {
            RollOver::Unused {
                cap_micro_usd: Some(cap),
            } if cap <= MicroUsd::ZERO || cap > LIMIT_MAX => bad(
                "roll_over_cap_usd",
                "a cap must be above 0 and at most a billion dollars; to carry nothing over, roll over none",
            ),
            _ => Ok(()),
        }
    }

    /// What remains of an unused amount this many months later.
    pub(super) fn carried(&self, left: MicroUsd, months: u32) -> MicroUsd {
        let RollOver::Unused { cap_micro_usd } = self.roll_over else {
            return MicroUsd::ZERO;
        };
        let cap = cap_micro_usd.unwrap_or(CARRIED_MAX);
        // The months in between were not used at all.
        let unused = i128::from(left.0)
            + i128::from(self.limit_micro_usd.0) * i128::from(months.saturating_sub(1));
        i64::try_from(unused).map_or(cap, |unused| MicroUsd(unused).min(cap))
    }

    /// What these terms allow of an amount already carried into the current month.
    pub(super) fn still_carried(&self, carried: MicroUsd) -> MicroUsd {
        match self.roll_over {
            RollOver::None => MicroUsd::ZERO,
            RollOver::Unused { cap_micro_usd } => {
                cap_micro_usd.map_or(carried, |cap| carried.min(cap))
            }
        }
    }
}

/// A budget and its current month, as stored in the account: `limit + carried = left + held +
/// spent`.
///
/// A hold belongs to the period of its submit, and its end counts in the same period. A period ends
/// with the first run of a later month: what it still holds then counts as used, and an end that
/// comes later changes no other month. A budget set in mid-month includes what was submitted
/// earlier in that month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// `None` once the budget was removed, and while the month of a first budget is being counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Incremented with each month that starts here; never goes back.
    pub period: u64,
    pub month: Month,
    /// What the previous month left over.
    pub carried: MicroUsd,
    /// Held for running tasks of this period.
    pub held: MicroUsd,
    /// Captured for tasks of this period.
    pub spent: MicroUsd,
    /// Tasks submitted from this moment on also belong to the period, whatever was in force then:
    /// set if the budget was set after the month had begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// True if `held` and `spent` cover the whole month. False for a month in which an older
    /// release set the budget.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counted: bool,
    /// The count in progress for a budget that is being set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
}

impl Allowance {
    /// No budget, now or before.
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

    /// The hold that an ending task must remember: it may have ended during a count.
    pub fn hold_at_end(&self, hold: Hold, submitted_at: Timestamp) -> Hold {
        self.count
            .map_or(hold, |count| count.remembered(hold, submitted_at))
    }

    /// What runs may still cost this month; zero without a budget.
    pub fn left(&self) -> MicroUsd {
        let Some(budget) = &self.budget else {
            return MicroUsd::ZERO;
        };
        MicroUsd(budget.limit_micro_usd.0 + self.carried.0 - self.held.0 - self.spent.0)
    }

    /// When the next month starts.
    pub fn resets_at(&self) -> Timestamp {
        self.budget.as_ref().map_or(Timestamp(i64::MAX), |budget| {
            budget.time_zone.begins(self.month.next())
        })
    }

    /// The state at this moment. Months only go forward: if the clock goes back, the month that had
    /// started stays.
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

    /// Kind `InsufficientFunds` with code `budget_exhausted` if the price exceeds what is left.
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
                "this run costs {price}, but only {} of the month's budget of {}{carried} is left; wait for the next month, which starts at {}, \
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

    /// Ends a hold. A hold of another period changes nothing except a count in progress.
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
                "cannot settle a hold of {whole} in {}: only {} is held",
                self.month, self.held
            );
            return Err(Error::internal("hold_missing", text));
        }
        self.held = MicroUsd(self.held.0 - whole.0);
        self.spent = MicroUsd(self.spent.0 + settlement.capture.0);
        Ok(self)
    }

    /// Gives back what a run of this period, or of a count in progress, was charged. A budget is
    /// what a month may cost, so a refund for a run of an earlier month changes nothing.
    pub(super) fn refund(mut self, amount: MicroUsd, hold: &Hold, submitted_at: Timestamp) -> Self {
        if let Some(count) = self
            .count
            .as_mut()
            .filter(|count| count.takes(submitted_at))
        {
            count.spent = MicroUsd(count.spent.0.saturating_sub(amount.0));
        }
        if self.takes(hold, submitted_at) {
            self.spent = MicroUsd(self.spent.0.saturating_sub(amount.0));
        }
        self
    }
}
