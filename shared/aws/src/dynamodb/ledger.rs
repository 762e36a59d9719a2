//! The ledger. A task's item has its hold and how that ended, so that no task can be captured
//! twice; once the task is removed, a pack has its line. What operators did about money has an item
//! for each entry, sorted by time.

use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::{EntryKind, LedgerEntry, LedgerQuery, MicroUsd};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, Reader, number, text, word};
use super::key::{Key, LEDGER_PREFIX, TASK_PREFIX, TOP_UP_PREFIX, ledger_moment, tenant_partition};
use super::movements::{self, MOVEMENTS};
use super::packs::Packs;
use super::table::{Range, Table, sort_key};
use super::write::Write;
use super::{DynamoStore, task_item};

/// True for a top-up whose entry has an item of its own. Those of earlier releases have none.
pub(super) const LISTED: &str = "listed";
const IS_NOT_LISTED: &str = "attribute_not_exists(#listed)";

/// Read at once for a page.
const ITEMS_AT_ONCE: usize = 1_000;
/// Ids sort by the clock of who made them: a task that is a little older may lie behind.
const CLOCKS_APART_MAX_MS: u64 = 600_000;

impl DynamoStore {
    /// All entries that no task makes.
    pub(super) async fn entries_of_no_task(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        let mut entries = self.earlier_top_ups(tenant, Timestamp(i64::MIN)).await?;
        let of_operators = Range::prefixed(tenant_partition(tenant), LEDGER_PREFIX);
        for listed in self.table.query(of_operators).await? {
            entries.push(from_item(&listed)?);
        }
        Ok(entries)
    }

    /// All of it, oldest first.
    pub(super) async fn whole_ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        let mut entries = self.entries_of_no_task(tenant).await?;
        let tasks = self
            .table
            .query(Range {
                projection: Some(MOVEMENTS),
                filter: Some(task_item::IS_NO_VOID),
                ..Range::prefixed(tenant_partition(tenant), TASK_PREFIX)
            })
            .await?;
        for task in &tasks {
            entries.extend(movements::entries_of(task)?);
        }
        // Read after the tasks: what is removed meanwhile is in both, and none is missed.
        let mut packs = Packs::from(&self.table, tenant, &TaskId::lowest_at(Timestamp(0)));
        loop {
            let some = packs.next().await?;
            if some.is_empty() {
                break;
            }
            for pack in some {
                entries.extend(pack.entries()?);
            }
        }
        in_order(&mut entries);
        Ok(entries)
    }

    /// The top-ups of earlier releases, unless all of them are older than this: the release that
    /// began to list top-ups also began to sum up days.
    pub(super) async fn earlier_top_ups(
        &self,
        tenant: &TenantId,
        from: Timestamp,
    ) -> Result<Vec<LedgerEntry>> {
        if from >= self.days().since() {
            return Ok(Vec::new());
        }
        let earlier = Range {
            filter: Some(IS_NOT_LISTED),
            ..Range::prefixed(tenant_partition(tenant), TOP_UP_PREFIX)
        };
        let top_ups = self.table.query(earlier).await?;
        top_ups.iter().map(top_up).collect()
    }

    /// What is asked for, oldest first.
    pub(super) async fn page_of_ledger(
        &self,
        tenant: &TenantId,
        query: &LedgerQuery,
    ) -> Result<Vec<LedgerEntry>> {
        let mut page = Page::of(query);
        page.add(self.earlier_top_ups(tenant, query.starts()).await?);
        self.add_operators(tenant, &mut page).await?;
        self.add_tasks(tenant, &mut page).await?;
        page.add_packs(&self.table, tenant).await?;
        Ok(page.entries)
    }

    /// Of no task.
    async fn add_operators(&self, tenant: &TenantId, page: &mut Page<'_>) -> Result<()> {
        let moment = |at| format!("{LEDGER_PREFIX}{}", ledger_moment(at));
        let mut from = moment(page.query.starts());
        loop {
            let listed = self
                .table
                .query(Range {
                    from,
                    to: format!("{}~", moment(page.query.until)),
                    limit: ITEMS_AT_ONCE,
                    ..Range::prefixed(tenant_partition(tenant), LEDGER_PREFIX)
                })
                .await?;
            let entries: Vec<LedgerEntry> = listed.iter().map(from_item).collect::<Result<_>>()?;
            let last_at = entries.last().map(|entry| entry.at);
            page.add(entries);
            page.cut();
            let is_last = listed.len() < ITEMS_AT_ONCE;
            if is_last || last_at.is_some_and(|at| page.is_full_before(at)) {
                return Ok(());
            }
            from = behind(&listed);
        }
    }

    async fn add_tasks(&self, tenant: &TenantId, page: &mut Page<'_>) -> Result<()> {
        let (first, to) = (TaskId::lowest_at(page.query.made_from), page.made_to());
        let mut from = format!("{TASK_PREFIX}{first}");
        loop {
            let tasks = self
                .table
                .query(Range {
                    from,
                    to: format!("{TASK_PREFIX}{to}"),
                    limit: ITEMS_AT_ONCE,
                    projection: Some(MOVEMENTS),
                    filter: Some(task_item::IS_NO_VOID),
                    ..Range::prefixed(tenant_partition(tenant), TASK_PREFIX)
                })
                .await?;
            for task in &tasks {
                page.add(movements::entries_of(task)?);
            }
            page.cut();
            let Some(last) = tasks.last() else {
                return Ok(());
            };
            let is_last = tasks.len() < ITEMS_AT_ONCE;
            if is_last || page.is_full_before(movements::made_at(last)?) {
                return Ok(());
            }
            from = behind(&tasks);
        }
    }
}

/// Sorted, and each once: a task may have been read from its item and from a pack.
fn in_order(entries: &mut Vec<LedgerEntry>) {
    entries.sort_by_key(LedgerEntry::position);
    entries.dedup_by(|one, next| one.position() == next.position());
}

/// Where the page after this one begins: '!' sorts before every character of an id.
pub(super) fn behind(page: &[Item]) -> String {
    let last = page.last().and_then(sort_key);
    format!("{}!", last.unwrap_or_default())
}

/// The first entries that are asked for, of those that were read.
struct Page<'a> {
    query: &'a LedgerQuery,
    entries: Vec<LedgerEntry>,
}

impl<'a> Page<'a> {
    fn of(query: &'a LedgerQuery) -> Self {
        Self {
            query,
            entries: Vec::new(),
        }
    }

    fn add(&mut self, entries: impl IntoIterator<Item = LedgerEntry>) {
        let asked = entries.into_iter().filter(|entry| self.query.takes(entry));
        self.entries.extend(asked);
    }

    /// The lines of removed tasks. They are read after the tasks, so that none is missed that is
    /// removed meanwhile.
    async fn add_packs(&mut self, table: &Table, tenant: &TenantId) -> Result<()> {
        let to = self.made_to();
        let mut packs = Packs::from(table, tenant, &TaskId::lowest_at(self.query.made_from));
        loop {
            let some = packs.next().await?;
            if some.is_empty() {
                return Ok(());
            }
            for pack in some {
                if pack.first > to || self.is_full_before(pack.first.made_at()) {
                    return Ok(());
                }
                self.add(pack.entries()?);
                self.cut();
            }
        }
    }

    /// No task that was made later has an entry in it.
    fn made_to(&self) -> TaskId {
        TaskId::lowest_at(self.query.until.plus_ms(CLOCKS_APART_MAX_MS))
    }

    fn cut(&mut self) {
        in_order(&mut self.entries);
        self.entries.truncate(self.query.limit);
    }

    /// True if nothing that was made later can have an entry in it.
    fn is_full_before(&self, made_at: Timestamp) -> bool {
        let last = self.entries.last().map(|entry| entry.at);
        self.entries.len() >= self.query.limit
            && last.is_some_and(|last| last < made_at.minus_ms(CLOCKS_APART_MAX_MS))
    }
}

/// Of an earlier release.
fn top_up(item: &Item) -> Result<LedgerEntry> {
    let reader = Reader(item);
    Ok(LedgerEntry {
        kind: EntryKind::TopUp,
        reference: reader.text("reference")?.to_owned(),
        amount: MicroUsd(reader.number("amount")?),
        at: Timestamp(reader.number("at")?),
        reason: None,
    })
}

/// The item of what an operator did.
pub(super) fn line(tenant: &TenantId, entry: &LedgerEntry) -> Result<Write> {
    let mut item = Item::from([
        ("kind".to_owned(), word(&entry.kind)?),
        ("reference".to_owned(), text(&entry.reference)),
        ("amount".to_owned(), number(entry.amount.0)),
        ("at".to_owned(), number(entry.at.0)),
    ]);
    item.extend(
        entry
            .reason
            .as_ref()
            .map(|reason| ("reason".to_owned(), text(reason))),
    );
    Ok(Write::put(Key::ledger_entry(tenant, entry), item))
}

pub(super) fn from_item(item: &Item) -> Result<LedgerEntry> {
    let reader = Reader(item);
    Ok(LedgerEntry {
        kind: reader.word("kind")?,
        reason: reader.optional_text("reason")?.map(str::to_owned),
        ..top_up(item)?
    })
}
