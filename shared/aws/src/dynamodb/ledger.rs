//! The ledger has no items of its own: a top-up's item is its entry, and a task's item has its hold
//! and how that ended, so that no task can be captured twice.

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{EntryKind, LedgerEntry, MicroUsd};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, Reader};
use super::key::{TASK_PREFIX, TOP_UP_PREFIX, tenant_partition};
use super::table::{Range, Table};
use super::task_item::{self, MOVEMENTS};

/// Oldest first.
pub(super) async fn read(table: &Table, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
    let range = |prefix| Range::prefixed(tenant_partition(tenant), prefix);
    let top_ups = table.query(range(TOP_UP_PREFIX)).await?;
    let tasks = table
        .query(Range {
            projection: Some(MOVEMENTS),
            filter: Some(task_item::IS_NO_VOID),
            ..range(TASK_PREFIX)
        })
        .await?;
    let mut entries: Vec<LedgerEntry> = top_ups.iter().map(top_up).collect::<Result<_>>()?;
    for task in &tasks {
        entries.extend(entries_of(task)?);
    }
    entries.sort_by(|a, b| (a.at, &a.reference, a.kind).cmp(&(b.at, &b.reference, b.kind)));
    Ok(entries)
}

fn top_up(item: &Item) -> Result<LedgerEntry> {
    let reader = Reader(item);
    Ok(LedgerEntry {
        kind: EntryKind::TopUp,
        reference: reader.text("reference")?.to_owned(),
        amount: MicroUsd(reader.number("amount")?),
        at: Timestamp(reader.number("at")?),
    })
}

fn entries_of(task: &Item) -> Result<impl Iterator<Item = LedgerEntry>> {
    let id = task_item::task_id(task)?;
    let movements = task_item::movements(task)?;
    let (price, held_at) = movements.hold;
    let settled = movements
        .settled
        .into_iter()
        .flat_map(move |(settlement, at)| {
            let lent = if movements.on_credit {
                settlement.capture
            } else {
                MicroUsd::ZERO
            };
            [
                (EntryKind::Credit, lent, at),
                (EntryKind::Capture, settlement.capture, at),
                (EntryKind::Release, settlement.release, at),
            ]
        });
    let settled = settled.filter(|(_, amount, _)| *amount > MicroUsd::ZERO);
    let all = [(EntryKind::Hold, price, held_at)]
        .into_iter()
        .chain(settled);
    Ok(all.map(move |(kind, amount, at)| LedgerEntry {
        kind,
        reference: id.to_string(),
        amount,
        at,
    }))
}
