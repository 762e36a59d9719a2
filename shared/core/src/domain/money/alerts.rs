//! When a tenant is told that its money runs out, and what it has been told, also of its
//! destination: a small record beside the account, which no run writes.

use serde::{Deserialize, Serialize};

use super::{Account, Allowance, MicroUsd, Month};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::domain::tenant::DestinationHealth;

/// A balance is low below this part of the last top-up, unless an amount is set.
const LOW_PART: i64 = 5;
/// Percent of the month's budget.
const PERCENTS: [u8; 3] = [50, 80, 100];
const PERCENTS_MAX: usize = 10;

/// What a tenant is told, and was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Alerts {
    /// Counts the changes; the store writes one only over the version it was made from.
    #[serde(default)]
    pub version: u64,
    #[serde(default, flatten)]
    pub terms: AlertTerms,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_top_up: Option<MicroUsd>,
    /// The balance has been low since then, and that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_since: Option<Timestamp>,
    /// How often it has become low.
    #[serde(default)]
    pub lows: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_told: Option<BudgetTold>,
    /// Of the operator's own record: the provider has not answered since then, and that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_down_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "DestinationHealth::is_untold")]
    pub destination: DestinationHealth,
}

/// When to tell; what is `None` is the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertTerms {
    /// Zero never tells of a low balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_balance: Option<MicroUsd>,
    /// Rising; empty never tells of a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_percents: Option<Vec<u8>>,
}

/// The highest threshold that was told in a period of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetTold {
    period: u64,
    percent: u8,
}

/// Something to tell. Each has a cause, so that telling it twice tells it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    LowBalance {
        available: MicroUsd,
        threshold: MicroUsd,
        /// Which time it is that the balance has become low.
        time: u64,
    },
    BudgetThreshold {
        percent: u8,
        limit: MicroUsd,
        spent: MicroUsd,
        month: Month,
        period: u64,
        resets_at: Timestamp,
    },
}

impl AlertTerms {
    /// Kind `Invalid`, naming the field, for percents that do not rise from 1 to 100.
    pub fn check(&self) -> Result<()> {
        let invalid =
            |field: &str, text: &str| Err(Error::invalid("invalid_parameter", text).field(field));
        if self
            .low_balance
            .is_some_and(|amount| amount < MicroUsd::ZERO)
        {
            return invalid("low_balance_usd", "an amount must not be below 0");
        }
        let percents = self.percents();
        let rises = percents.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = percents.iter().all(|percent| (1..=100).contains(percent));
        if !rises || !fits || percents.len() > PERCENTS_MAX {
            return invalid(
                "budget_percents",
                "give at most 10 whole percents from 1 to 100, in rising order",
            );
        }
        Ok(())
    }

    pub fn percents(&self) -> &[u8] {
        self.budget_percents.as_deref().unwrap_or(&PERCENTS)
    }
}

impl Alerts {
    /// Below this the balance is low; `None` if that is not told, or there was no top-up yet.
    pub fn low_below(&self) -> Option<MicroUsd> {
        let part = self.last_top_up.map(|amount| MicroUsd(amount.0 / LOW_PART));
        let below = self.terms.low_balance.or(part);
        below.filter(|amount| *amount > MicroUsd::ZERO)
    }

    /// What is to be told of the account, and the record once it was.
    #[must_use]
    pub fn after(&self, account: &Account, now: Timestamp) -> (Self, Vec<Alert>) {
        let (mut after, mut alerts) = (self.clone(), Vec::new());
        alerts.extend(after.see_balance(account, now));
        if let Some(allowance) = account.budget_at(now) {
            alerts.extend(after.see_budget(&allowance));
        }
        (after, alerts)
    }

    fn see_balance(&mut self, account: &Account, now: Timestamp) -> Option<Alert> {
        // The balance of a postpaid tenant decides nothing.
        let threshold = self.low_below().filter(|_| !account.is_postpaid());
        let low = threshold.filter(|threshold| account.available < *threshold);
        match (low, self.low_since) {
            (None, _) => self.low_since = None,
            (Some(_), Some(_)) => {}
            (Some(threshold), None) => {
                self.low_since = Some(now);
                self.lows += 1;
                return Some(Alert::LowBalance {
                    available: account.available,
                    threshold,
                    time: self.lows,
                });
            }
        }
        None
    }

    fn see_budget(&mut self, allowance: &Allowance) -> Vec<Alert> {
        let limit = MicroUsd(allowance.left().0 + allowance.held.0 + allowance.spent.0);
        let used = i128::from(allowance.spent.0) * 100;
        let is_reached = |percent: u8| used >= i128::from(limit.0) * i128::from(percent);
        let told = self
            .budget_told
            .filter(|told| told.period == allowance.period);
        let told = told.map_or(0, |told| told.percent);
        let reached: Vec<u8> = self
            .terms
            .percents()
            .iter()
            .copied()
            .filter(|percent| *percent > told && is_reached(*percent))
            .collect();
        if let Some(percent) = reached.last().copied() {
            let period = allowance.period;
            self.budget_told = Some(BudgetTold { period, percent });
        }
        let alert = |percent| Alert::BudgetThreshold {
            percent,
            limit,
            spent: allowance.spent,
            month: allowance.month,
            period: allowance.period,
            resets_at: allowance.resets_at(),
        };
        reached.into_iter().map(alert).collect()
    }
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
