//! Daily sums, read, and filled in for the time before they began.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::day::Day;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::metering::day_sums::{
    AccountDays, DayFill, DayRow, FilledPage, Origin, Standing, Sums,
};
use fluxgate_core::port::DayStore;
use fluxgate_core::port::errors::day_fill_moved;

use super::attribute::{Item, Reader, text, unreadable};
use super::day_attributes::{self as attributes, DAY, ROWS};
use super::key::{DAY_PREFIX, Key, tenant_partition};
use super::table::{Range, sort_key};
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, account, json_item};

const AFTER: &str = "after";
const DONE: &str = "done";

#[async_trait]
impl DayStore for DynamoStore {
    async fn account_days(&self, tenant: &TenantId, from: Day, to: Day) -> Result<AccountDays> {
        // The account first: a day that is closed meanwhile is then known twice, never not at all.
        let item = self.table.get(&Key::account(tenant)).await?;
        let item = item.unwrap_or_default();
        let of = account::of_item(&item)?;
        let open = attributes::open_day(&item)?;
        let mut rows = Vec::new();
        let mut standing = None;
        for found in self.table.query(days(tenant, from, to)).await? {
            let day = day_of(&found)?;
            if is_closed(&found) && open.is_some_and(|open| day >= open.day) {
                continue;
            }
            if is_closed(&found) && standing.is_none() {
                standing = Some(attributes::standing(&found)?);
            }
            rows.extend(rows_of(day, &found)?);
        }
        if let Some(open) = open.filter(|open| (from..=to).contains(&open.day)) {
            rows.extend(attributes::rows(&item)?.into_iter().map(written(open.day)));
        }
        let standing = match (standing, open) {
            (Some(standing), _) => standing,
            (None, Some(open)) if open.day <= to => {
                if open.day < from {
                    Standing::of(&of)
                } else {
                    attributes::standing(&item)?
                }
            }
            (None, None) => Standing::of(&of),
            (None, Some(_)) => match self.first_closed(tenant, to.next()).await? {
                Some(found) => attributes::standing(&found)?,
                None => attributes::standing(&item)?,
            },
        };
        Ok(AccountDays {
            zone: of.zone(),
            is_complete: self.days().since().0 <= 0 || self.is_filled(tenant).await?,
            rows,
            standing,
        })
    }

    async fn day_fill(&self, tenant: &TenantId) -> Result<Option<DayFill>> {
        let since = self.days().since();
        if since.0 <= 0 {
            return Ok(None);
        }
        let progress = self.table.get(&Key::day_fill(tenant)).await?;
        let progress = progress.unwrap_or_default();
        if progress.contains_key(DONE) {
            return Ok(None);
        }
        let after = Reader(&progress).optional_text(AFTER)?;
        let mut others = Vec::new();
        if after.is_none() {
            others = self.entries_of_no_task(tenant).await?;
            others.retain(|entry| entry.at < since);
        }
        Ok(Some(DayFill {
            since,
            after: after.map(TaskId::parse).transpose()?,
            others,
        }))
    }

    async fn fill_days(&self, tenant: &TenantId, from: &DayFill, page: &FilledPage) -> Result<()> {
        let mut progress = Item::new();
        if let Some(after) = &page.after {
            progress.insert(AFTER.to_owned(), text(after.as_str()));
        }
        if page.is_last {
            progress.insert(DONE.to_owned(), text("yes"));
        }
        let progress =
            Write::put(Key::day_fill(tenant), progress).when("attribute_not_exists(#done)");
        let progress = match &from.after {
            None => progress.and("attribute_not_exists(#after)"),
            Some(after) => progress
                .and("#after = :after")
                .with(":after", text(after.as_str())),
        };
        let mut writes = vec![progress];
        for row in &page.rows {
            if row.origin == Origin::default() {
                // All of the day at once, and the same whenever it is written.
                self.table.write(&[put_filled(tenant, row)]).await?;
            } else {
                writes.push(attributes::add_beside(
                    tenant,
                    row.day,
                    &row.origin,
                    &row.sums,
                    true,
                ));
            }
        }
        match self.table.write(&writes).await? {
            WriteOutcome::Written => Ok(()),
            WriteOutcome::Refused(_) => Err(day_fill_moved()),
        }
    }
}

impl DynamoStore {
    async fn is_filled(&self, tenant: &TenantId) -> Result<bool> {
        let progress = self.table.get(&Key::day_fill(tenant)).await?;
        Ok(progress.is_some_and(|progress| progress.contains_key(DONE)))
    }

    /// The first closed day from this one on.
    async fn first_closed(&self, tenant: &TenantId, from: Day) -> Result<Option<Item>> {
        let found = self.table.query(Range {
            from: format!("{DAY_PREFIX}{from}"),
            limit: 1,
            filter: Some("attribute_exists(#rows)"),
            ..Range::prefixed(tenant_partition(tenant), DAY_PREFIX)
        });
        Ok(found.await?.into_iter().next())
    }
}

fn days(tenant: &TenantId, from: Day, to: Day) -> Range<'static> {
    Range {
        from: format!("{DAY_PREFIX}{from}"),
        to: format!("{DAY_PREFIX}{to}~"),
        ..Range::prefixed(tenant_partition(tenant), DAY_PREFIX)
    }
}

fn is_closed(item: &Item) -> bool {
    item.contains_key(ROWS)
}

fn day_of(item: &Item) -> Result<Day> {
    let day = sort_key(item).and_then(|key| key.strip_prefix(DAY_PREFIX)?.get(..10));
    day.and_then(Day::parse).ok_or_else(|| unreadable(DAY))
}

/// The rows of a closed day, or the one of an origin's own item.
fn rows_of(day: Day, item: &Item) -> Result<Vec<DayRow>> {
    let reader = Reader(item);
    if let Some(rows) = reader.optional_text(ROWS)? {
        let rows: Vec<(Origin, Sums)> = json_item::from_text(rows)?;
        return Ok(rows.into_iter().map(written(day)).collect());
    }
    let row = (
        attributes::origin_of(reader.text("origin")?)?,
        attributes::sums(item, "")?,
    );
    let is_filled = sort_key(item).is_some_and(|key| key.contains("#FILLED#"));
    Ok(vec![DayRow {
        is_filled,
        ..written(day)(row)
    }])
}

fn written(day: Day) -> impl Fn((Origin, Sums)) -> DayRow {
    move |(origin, sums)| DayRow {
        day,
        origin,
        sums,
        is_filled: false,
    }
}

fn put_filled(tenant: &TenantId, row: &DayRow) -> Write {
    let mut item: Item = attributes::numbers(&row.sums, "").into_iter().collect();
    item.insert(
        "origin".to_owned(),
        text(attributes::origin_text(&row.origin)),
    );
    let key = attributes::origin_key(tenant, row.day, &row.origin, true);
    Write::put(key, item)
}
