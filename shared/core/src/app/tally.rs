//! Counts what the tasks of a month held and had cost when the count began.

use super::task_pages::TaskPages;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::money::Count;
use crate::domain::money::Tally;
use crate::port::TaskStore;

/// Ids sort by the clock of who made them: a task that is a little older than the month may lie
/// among its first.
const CLOCKS_APART_MAX_MS: i64 = 3_600_000;

/// Reads the month's tasks once, newest first, while they continue to change.
pub async fn tally(tasks: &dyn TaskStore, tenant: &TenantId, count: &Count) -> Result<Tally> {
    let mut tally = Tally::of(count);
    let mut pages = TaskPages::newest_first(tasks, tenant, None);
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|task| tally.add(task));
        let oldest = page.last().map_or(i64::MIN, |task| task.created_at.0);
        if oldest < count.since.0 - CLOCKS_APART_MAX_MS {
            break;
        }
    }
    Ok(tally)
}
