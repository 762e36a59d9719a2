//! Setting and removing a budget. If its month has not been counted yet, the month's tasks are
//! counted first.

use super::{Account, Allowance, Budget, Count, CountId, CountPlan, MicroUsd, Month, Tally};
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;

/// The next step of setting a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Write this account over the one that it was computed from.
    Ready(Account),
    /// First count what the month's tasks have used: see [`Account::begin_count`].
    Count(CountPlan),
}

impl Account {
    /// Sets or removes the monthly budget. What was held and captured this month for tasks
    /// submitted in it counts.
    ///
    /// Kind `Invalid` with code `invalid_budget` for impossible terms; kind `Conflict` with code
    /// `budget_below_use` if the budget is less than what is held and captured this month.
    pub fn set_budget(
        self,
        budget: Option<Budget>,
        now: Timestamp,
        tally: Option<&Tally>,
    ) -> Result<Setting> {
        self.wish(Wish::Set(budget), now, tally)
    }

    /// Counts the month of a budget that was set by a release which did not. It may turn out to be
    /// overspent: then nothing is left.
    pub fn recount_budget(self, now: Timestamp, tally: Option<&Tally>) -> Result<Setting> {
        self.wish(Wish::Recount, now, tally)
    }

    fn wish(self, wish: Wish, now: Timestamp, tally: Option<&Tally>) -> Result<Setting> {
        let Some(plan) = wish.plan(self.allowance.as_ref(), now)? else {
            let allowance = wish.without_count(self.allowance, now)?;
            return Ok(Setting::Ready(Self { allowance, ..self }));
        };
        let found = self
            .count()
            .zip(tally)
            .filter(|(count, tally)| count.id == tally.count && count.since == plan.since);
        let Some((count, tally)) = found else {
            return Ok(Setting::Count(plan));
        };
        let used = (
            MicroUsd(count.held.0 + tally.held.0),
            MicroUsd(count.spent.0 + tally.spent.0),
        );
        let allowance = wish.counted(self.allowance, now, &plan, used)?;
        Ok(Setting::Ready(Self {
            allowance: Some(allowance),
            ..self
        }))
    }

    /// Starts a count. A count of the same tasks that is already in progress continues instead: it
    /// includes everything since.
    #[must_use]
    pub fn begin_count(self, id: CountId, plan: &CountPlan) -> Self {
        if self.count().is_some_and(|count| count.since == plan.since) {
            return self;
        }
        let mut allowance = self
            .allowance
            .unwrap_or_else(|| Allowance::none(plan.month));
        allowance.count = Some(Count::begun(id, plan));
        Self {
            allowance: Some(allowance),
            ..self
        }
    }

    /// Abandons a count and leaves everything else unchanged.
    #[must_use]
    pub fn drop_count(self, id: CountId) -> Self {
        if self.count().is_none_or(|count| count.id != id) {
            return self;
        }
        let allowance = self.allowance.map(|allowance| Allowance {
            count: None,
            ..allowance
        });
        Self {
            allowance: allowance.filter(|allowance| !allowance.is_none()),
            ..self
        }
    }
}

/// The requested change of a budget.
#[derive(Debug)]
enum Wish {
    Set(Option<Budget>),
    /// Count its month, unless that was done.
    Recount,
}

impl Wish {
    /// What to count first, if anything. Kind `Invalid` for impossible terms.
    fn plan(&self, before: Option<&Allowance>, now: Timestamp) -> Result<Option<CountPlan>> {
        let budget = match self {
            Self::Set(Some(budget)) => {
                budget.check()?;
                Some(budget)
            }
            Self::Set(None) => None,
            Self::Recount => before.and_then(|before| before.budget.as_ref()),
        };
        Ok(budget.and_then(|budget| Allowance::plan(before, budget, now)))
    }

    /// If nothing needs to be counted.
    fn without_count(self, before: Option<Allowance>, now: Timestamp) -> Result<Option<Allowance>> {
        match (self, before) {
            (Self::Set(None), Some(before)) => Ok(before.taken_away(now)),
            (Self::Set(Some(budget)), Some(before)) => before.under(budget, now).map(Some),
            (_, before) => Ok(before),
        }
    }

    /// Starts a new period with the counted amounts, held and captured.
    fn counted(
        self,
        before: Option<Allowance>,
        now: Timestamp,
        plan: &CountPlan,
        (held, spent): (MicroUsd, MicroUsd),
    ) -> Result<Allowance> {
        let before = before.unwrap_or_else(|| Allowance::none(plan.month));
        let is_recount = matches!(self, Self::Recount);
        let budget = match self {
            Self::Set(budget) => budget,
            Self::Recount => before.budget.clone(),
        };
        let budget = budget.ok_or_else(|| {
            Error::internal("budget", "a count finished, but there is no budget to set")
        })?;
        let period = before.period + 1;
        let carried = before.carried_into(plan.month, &budget, now);
        let there = Allowance {
            period,
            carried,
            held,
            spent,
            since: Some(plan.since),
            ..Allowance::none(plan.month)
        };
        if !is_recount {
            there.check_use(&budget)?;
        }
        Ok(Allowance {
            budget: Some(budget),
            counted: true,
            ..there
        })
    }
}

impl Allowance {
    /// Kind `Conflict` with code `budget_below_use` if the budget is less than what is held and
    /// captured this month.
    fn check_use(&self, budget: &Budget) -> Result<()> {
        let used = MicroUsd(self.held.0 + self.spent.0);
        let least = MicroUsd(used.0 - self.carried.0);
        if budget.limit_micro_usd >= least {
            return Ok(());
        }
        let text = format!(
            "{} of {} is captured and {} is held: set a budget of at least {least}, or suspend the tenant",
            self.spent, self.month, self.held
        );
        Err(Error::new(Kind::Conflict, "budget_below_use", text).field("limit_usd"))
    }

    /// What to count before these terms take effect: nothing if they cover the same tasks as the
    /// current ones.
    fn plan(before: Option<&Self>, budget: &Budget, now: Timestamp) -> Option<CountPlan> {
        let month = budget.time_zone.month_at(now);
        let plan = CountPlan {
            month,
            since: budget.time_zone.begins(month),
        };
        let Some(there) = before.map(|before| before.clone().at(now)) else {
            return Some(plan);
        };
        match &there.budget {
            // No month starts twice: what a month ahead has already counted is kept.
            Some(_) if there.month > month => None,
            Some(before) if there.counted && before.time_zone == budget.time_zone => None,
            _ => Some(plan),
        }
    }

    /// What these terms carry into a month.
    fn carried_into(self, month: Month, budget: &Budget, now: Timestamp) -> MicroUsd {
        let there = self.at(now);
        let carried = budget.still_carried(there.carried);
        match (&there.budget, month.since(there.month)) {
            (_, 0) => carried,
            (None, _) => MicroUsd::ZERO,
            (Some(_), months) => {
                let there = Self {
                    budget: Some(budget.clone()),
                    carried,
                    ..there
                };
                budget.carried(there.left().max(MicroUsd::ZERO), months)
            }
        }
    }

    /// The current month under other terms that cover the same tasks.
    fn under(self, budget: Budget, now: Timestamp) -> Result<Self> {
        let month = budget.time_zone.month_at(now);
        let mut there = self.at(now);
        // No time zone is a month ahead of another, so a clock was wrong. Keep what was counted.
        if there.month.since(month) > 1 {
            there.month = month;
        }
        there.carried = budget.still_carried(there.carried);
        there.check_use(&budget)?;
        Ok(Self {
            budget: Some(budget),
            ..there
        })
    }

    /// Removes the budget. Setting a later one starts with a count, so the counted amounts are no
    /// longer needed.
    fn taken_away(self, now: Timestamp) -> Option<Self> {
        let there = self.at(now);
        if there.budget.is_none() {
            return Some(Self {
                count: None,
                ..there
            })
            .filter(|there| !there.is_none());
        }
        Some(Self {
            period: there.period + 1,
            carried: there.carried,
            ..Self::none(there.month)
        })
    }
}
