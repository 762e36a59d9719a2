//! Fills in the daily sums of the time before they began, once.

use super::Sweeper;
use crate::app::task_pages::TaskPages;
use crate::base::error::{Reason, Result};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// Whatever was begun before the sums is written by then.
const WRITTEN_AFTER_MS: u64 = 20 * 60_000;
/// Tasks read at once.
const PAGE_TASKS: usize = 500;

impl Sweeper {
    /// Fills in every tenant's days, page by page, until this moment; the next call goes on.
    /// Returns how many tasks were counted.
    pub async fn fill_days(&self, until: Timestamp) -> Result<usize> {
        let mut counted = 0;
        for tenant in self.context.tenants().ids().await? {
            while self.context.now() < until {
                match self.fill_page(&tenant).await? {
                    Some(tasks) => counted += tasks,
                    None => break,
                }
            }
        }
        Ok(counted)
    }

    /// `None` if nothing is left to do, or another does it.
    async fn fill_page(&self, tenant: &TenantId) -> Result<Option<usize>> {
        let days = self.context.days();
        let Some(fill) = days.day_fill(tenant).await? else {
            return Ok(None);
        };
        if self.context.now() < fill.since.plus_ms(WRITTEN_AFTER_MS) {
            return Ok(None);
        }
        let zone = self.context.accounts().account(tenant).await?.zone();
        let after = fill.after.clone();
        let mut pages = TaskPages::oldest_first(self.context.tasks(), tenant, after).of(PAGE_TASKS);
        let tasks = pages.next().await?.unwrap_or_default();
        let page = fill.page(&zone, &tasks, pages.is_done());
        match days.fill_days(tenant, &fill, &page).await {
            Ok(()) => Ok(Some(tasks.len())),
            Err(error) if error.is(Reason::VersionMoved) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
