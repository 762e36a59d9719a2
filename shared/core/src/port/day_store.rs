//! Daily sums. They are written with the entries that they add up: see [`super::TaskStore`] and
//! [`super::AccountStore`].

use async_trait::async_trait;

use crate::base::day::Day;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::metering::day_sums::{AccountDays, DayFill, FilledPage};

/// A tenant's daily sums.
#[async_trait]
pub trait DayStore: Send + Sync {
    /// The sums of these days, both inclusive. They equal the ledger: an entry counts on the day
    /// that holds its time. Costs as much as there are days, models and keys, however many tasks.
    async fn account_days(&self, tenant: &TenantId, from: Day, to: Day) -> Result<AccountDays>;

    /// How far the days before the sums began are filled in; `None` if nothing is left to do, or it
    /// is too early: entries of that time may still be written.
    async fn day_fill(&self, tenant: &TenantId) -> Result<Option<DayFill>>;

    /// Adds a page to the days and remembers the progress, in one transaction. Kind `Conflict`, and
    /// nothing is written, if another has written a page since `from` was read.
    async fn fill_days(&self, tenant: &TenantId, from: &DayFill, page: &FilledPage) -> Result<()>;
}
