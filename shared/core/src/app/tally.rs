//! Reading what the tasks of a month held and had cost when a count of them began.

use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::money::Count;
use crate::domain::money::Tally;
use crate::port::TaskStore;

/// Tasks read at once.
const PAGE: usize = 1_000;
/// Ids sort by the clock of who made them: a task that is a little older than the month may lie
/// among its first.
const CLOCKS_APART_MAX_MS: i64 = 3_600_000;

/// Reads the month's tasks once, newest first, while they go on.
pub async fn tally(tasks: &dyn TaskStore, tenant: &TenantId, count: &Count) -> Result<Tally> {
    let (mut tally, mut before): (Tally, Option<TaskId>) = (Tally::of(count), None);
    loop {
        let page = tasks.list(tenant, before.as_ref(), PAGE).await?;
        page.iter().for_each(|task| tally.add(task));
        match page.last() {
            Some(last) if last.created_at.0 >= count.since.0 - CLOCKS_APART_MAX_MS => {
                before = Some(last.id.clone())
            }
            _ => return Ok(tally),
        }
    }
}
