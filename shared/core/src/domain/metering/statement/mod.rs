//! A month of an account on one page: what it had, what moved, what it was used for, and what it
//! has. Every amount is a sum of ledger entries.

mod csv;
mod html;
mod view;

use std::collections::BTreeMap;

pub use csv::csv;
pub use html::html;
pub use view::{Movement, StatementUsage, StatementView};

use super::day_sums::{AccountDays, Origin, Standing, Sums};
use crate::base::id::TenantId;
use crate::domain::money::{Month, Zone};

/// The statement of one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub tenant: TenantId,
    pub month: Month,
    pub zone: Zone,
    /// False while the month may still change.
    pub is_final: bool,
    /// The tenant has been deleted; only operators read its statement.
    pub is_deleted: bool,
    pub opening: Standing,
    pub closing: Standing,
    /// By what it comes from; an empty origin has what operators entered.
    pub sums: BTreeMap<Origin, Sums>,
}

impl Statement {
    /// Of the days of the month.
    pub fn of(tenant: TenantId, month: Month, is_final: bool, days: &AccountDays) -> Self {
        let mut sums: BTreeMap<Origin, Sums> = BTreeMap::new();
        for row in &days.rows {
            sums.entry(row.origin.clone()).or_default().add(&row.sums);
        }
        Self {
            tenant,
            month,
            zone: days.zone.clone(),
            is_final,
            is_deleted: false,
            opening: days.opening(),
            closing: days.closing(),
            sums,
        }
    }

    pub fn total(&self) -> Sums {
        self.sums.values().fold(Sums::default(), |mut total, sums| {
            total.add(sums);
            total
        })
    }
}
