//! The balance at the beginning of a day.

use crate::app::Context;
use crate::base::day::Day;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::metering::usage::Days;
use crate::domain::money::{LedgerEntry, LedgerQuery, MicroUsd};

/// Entries read at once.
const ENTRIES_AT_ONCE: usize = 10_000;
/// A task has so many entries: a hold, credit, a capture and a release.
const ENTRIES_OF_A_TASK: usize = 4;
/// How often it is read again while the balance moves.
const READINGS_MAX: usize = 8;
/// Of the clocks of those who write.
const CLOCKS_APART_MAX_MS: u64 = 600_000;

/// From the daily sums; while older days are still to be filled in, what the account has now
/// without what has moved since the day began.
///
/// Kind `Invalid` with code `window_too_full` if that is too much to read; kind `Conflict` with
/// code `books_moving` if the balance moved during each reading.
pub(super) async fn opening_balance(
    context: &Context,
    tenant: &TenantId,
    (day, begins): (Day, Timestamp),
) -> Result<MicroUsd> {
    let day = Days { from: day, to: day };
    if let Some(days) = context.whole_days(tenant, day).await? {
        return Ok(days.opening().balance);
    }
    for _ in 0..READINGS_MAX {
        let before = context.accounts().account(tenant).await?.balance();
        let moved = moved_since(context, tenant, begins).await?;
        if context.accounts().account(tenant).await?.balance() == before {
            return Ok(MicroUsd(before.0.saturating_sub(moved.0)));
        }
    }
    let text = "the balance moved all the time while the ledger was read; try again, or read from a later day on";
    Err(Error::new(Kind::Conflict, "books_moving", text))
}

async fn moved_since(context: &Context, tenant: &TenantId, from: Timestamp) -> Result<MicroUsd> {
    let most = context.bounds.usage_tasks_max * ENTRIES_OF_A_TASK;
    let (mut moved, mut read) = (0_i64, 0);
    let mut query = LedgerQuery {
        from,
        until: context.now().plus_ms(CLOCKS_APART_MAX_MS),
        made_from: context.bounds.earliest_made(from),
        after: None,
        limit: ENTRIES_AT_ONCE,
    };
    loop {
        let entries = context.accounts().ledger_page(tenant, &query).await?;
        moved = entries
            .iter()
            .fold(moved, |sum, entry| sum.saturating_add(entry.change().0));
        read += entries.len();
        if entries.len() < ENTRIES_AT_ONCE {
            return Ok(MicroUsd(moved));
        }
        if read > most {
            let text = "too much has happened since the first day; ask for later days";
            return Err(Error::invalid("window_too_full", text).field("from"));
        }
        query.after = entries.last().map(LedgerEntry::position);
        query.made_from = context.bounds.earliest_made(query.starts());
    }
}
