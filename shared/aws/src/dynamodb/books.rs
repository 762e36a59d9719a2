//! A tenant's books, read part by part. A task's item is its own ledger line, so that a task and
//! its captures are read at once; what operators did comes first.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::day::Day;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{
    AccountStore as _, BooksPart, BooksReader, BooksStanding, DayStore as _, TaskStore as _,
};
use fluxgate_core::task::BookedTask;
use fluxgate_core::time::Timestamp;

use super::key::{LEDGER_PREFIX, TASK_PREFIX, tenant_partition};
use super::packs::{PACK_PREFIX, Packs};
use super::table::Range;
use super::{DynamoStore, attribute::Item, ledger, movements, task_item};

/// Items of one part.
const ITEMS_MAX: usize = 1_000;

pub(super) struct DynamoBooks {
    store: DynamoStore,
    tenant: TenantId,
    place: Place,
}

/// What is read next.
enum Place {
    /// The top-ups of earlier releases, which are no entries.
    EarlierTopUps,
    /// Entries of operators, from this sort key on.
    Operators(String),
    /// Tasks, from this sort key on.
    Tasks(String),
    /// The lines of removed tasks, from this sort key on.
    Packs(String),
    End,
}

impl DynamoBooks {
    pub(super) fn new(store: DynamoStore, tenant: TenantId) -> Self {
        Self {
            store,
            tenant,
            place: Place::EarlierTopUps,
        }
    }

    async fn page(&self, prefix: &str, from: &str) -> Result<Vec<Item>> {
        let range = Range {
            from: from.to_owned(),
            limit: ITEMS_MAX,
            filter: (prefix == TASK_PREFIX).then_some(task_item::IS_NO_VOID),
            ..Range::prefixed(tenant_partition(&self.tenant), prefix)
        };
        self.store.table.query(range).await
    }
}

#[async_trait]
impl BooksReader for DynamoBooks {
    async fn standing(&mut self) -> Result<BooksStanding> {
        let (store, tenant) = (&self.store, &self.tenant);
        Ok(BooksStanding {
            account: store.account(tenant).await?,
            days: store.account_days(tenant, Day::FIRST, Day::LAST).await?,
            removed_to: store.removed_to(tenant).await?,
        })
    }

    async fn next(&mut self) -> Result<Option<BooksPart>> {
        let mut part = BooksPart::default();
        match &self.place {
            Place::EarlierTopUps => {
                let all = Timestamp(i64::MIN);
                part.entries = self.store.earlier_top_ups(&self.tenant, all).await?;
                self.place = Place::Operators(LEDGER_PREFIX.to_owned());
            }
            Place::Operators(from) => {
                let page = self.page(LEDGER_PREFIX, from).await?;
                let entries = page.iter().map(ledger::from_item);
                part.entries = entries.collect::<Result<_>>()?;
                let next = || Place::Tasks(TASK_PREFIX.to_owned());
                self.place = after(&page).map_or_else(next, Place::Operators);
            }
            Place::Tasks(from) => {
                let page = self.page(TASK_PREFIX, from).await?;
                for item in &page {
                    part.entries.extend(movements::entries_of(item)?);
                    let task = task_item::from_item(&self.tenant, item)?;
                    part.tasks.push(BookedTask::of(&task));
                }
                // Packs are read after the tasks: what is removed meanwhile is in both.
                let next = || Place::Packs(PACK_PREFIX.to_owned());
                self.place = after(&page).map_or_else(next, Place::Tasks);
            }
            Place::Packs(from) => {
                let mut packs = Packs::begun(&self.store.table, &self.tenant, from.clone());
                let some = packs.next().await?;
                let rest = packs.rest();
                for pack in &some {
                    part.entries.extend(pack.entries()?);
                }
                self.place = rest.map_or(Place::End, Place::Packs);
            }
            Place::End => return Ok(None),
        }
        Ok(Some(part))
    }
}

/// Where the page after this one begins; `None` if it was the last.
fn after(page: &[Item]) -> Option<String> {
    (page.len() >= ITEMS_MAX).then(|| ledger::behind(page))
}
