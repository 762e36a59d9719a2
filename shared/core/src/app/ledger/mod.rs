//! A tenant's ledger, read page by page with its running balance.

mod opening;

use opening::opening_balance;

use super::Context;
use super::day_reads::AskedDays;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::metering::usage::Days;
use crate::domain::money::{LedgerCursor, LedgerLine, LedgerQuery, MicroUsd, Zone};

/// Which page of a ledger to read.
#[derive(Debug, Default)]
pub struct LedgerRequest {
    /// By default the last thirty.
    pub days: AskedDays,
    /// Where the page before ended.
    pub after: Option<LedgerCursor>,
    pub limit: usize,
}

/// Entries of a ledger, oldest first.
#[derive(Debug)]
pub struct LedgerPage {
    pub days: Days,
    /// The account's time zone.
    pub zone: Zone,
    /// The balance before the first entry.
    pub opening: MicroUsd,
    pub lines: Vec<LedgerLine>,
    /// Where the next page goes on; `None` if there is none.
    pub next: Option<LedgerCursor>,
}

/// Reads one page. Entries of the last moments may still be added before others of the same
/// moments: a day that is over for some minutes changes no more.
///
/// Fails as usage does for days that cannot be, and as [`opening_balance`].
pub(super) async fn read_page(
    context: &Context,
    tenant: &TenantId,
    request: LedgerRequest,
) -> Result<LedgerPage> {
    let (days, zone) = context.days_asked(tenant, &request.days).await?;
    let window = days.window(&zone);
    let opening = match &request.after {
        Some(cursor) => cursor.balance,
        None => opening_balance(context, tenant, (days.from, window.from)).await?,
    };
    let after = request.after.map(|cursor| cursor.position);
    let starts = after.as_ref().map_or(window.from, |after| after.at);
    let query = LedgerQuery {
        from: window.from,
        until: window.until,
        made_from: context.bounds.earliest_made(starts.max(window.from)),
        after,
        limit: request.limit + 1,
    };
    let mut entries = context.accounts().ledger_page(tenant, &query).await?;
    let has_more = entries.len() > request.limit;
    entries.truncate(request.limit);
    let mut balance = opening;
    let lines: Vec<LedgerLine> = entries
        .into_iter()
        .map(|entry| {
            balance = MicroUsd(balance.0.saturating_add(entry.change().0));
            LedgerLine { entry, balance }
        })
        .collect();
    let last = lines.last().filter(|_| has_more);
    let next = last.map(|line| LedgerCursor {
        position: line.entry.position(),
        balance: line.balance,
    });
    Ok(LedgerPage {
        days,
        zone,
        opening,
        lines,
        next,
    })
}
