//! Daily sums, read, and filled in for the time before they began.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::day::Day;
use fluxgate_core::id::{KeyId, ModelId, TaskId, TenantId};
use fluxgate_core::metering::day_sums::{
    AccountDays, DayFill, DayRow, FilledPage, Origin, Standing,
};
use fluxgate_core::money::{Account, EntryKind, LedgerEntry};
use fluxgate_core::port::DayStore;
use fluxgate_core::port::errors::day_fill_moved;
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::error::database;
use super::reports::rows;
use super::{SqliteStore, day_sums, money};

/// One statement, and so one moment: the sums, the first day from the range's first on, the account
/// and whether days are still to be filled in.
const DAYS: &str = "
    SELECT 'sums', day, filled, model, key, body, 0, 0 FROM day_sums
      WHERE tenant = ?1 AND day BETWEEN ?2 AND ?3
    UNION ALL SELECT 'day', '', 0, '', '', '', balance, held FROM
      (SELECT balance, held FROM days WHERE tenant = ?1 AND day >= ?2 ORDER BY day LIMIT 1)
    UNION ALL SELECT 'account', '', 0, '', '', coalesce(allowance, ''),
      available + held - credit, held FROM accounts WHERE tenant = ?1
    UNION ALL SELECT 'filling', '', 0, '', '', '', 0, 0 FROM day_fills
      WHERE tenant = ?1 AND done = 0";

/// A row of [`DAYS`].
struct Found {
    what: String,
    day: String,
    is_filled: bool,
    model: String,
    key: String,
    body: String,
    standing: Standing,
}

#[async_trait]
impl DayStore for SqliteStore {
    async fn account_days(&self, tenant: &TenantId, from: Day, to: Day) -> Result<AccountDays> {
        let tenant = tenant.clone();
        self.report(move |connection| {
            days_of(connection, &tenant, (&from.to_string(), &to.to_string()))
        })
        .await
    }

    async fn day_fill(&self, tenant: &TenantId) -> Result<Option<DayFill>> {
        let found = self.reading().await.row(
            "SELECT since, after FROM day_fills WHERE tenant = ?1 AND done = 0",
            params![tenant.as_str()],
            |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)),
        )?;
        let Some((since, after)) = found else {
            return Ok(None);
        };
        let others = match after {
            Some(_) => Vec::new(),
            None => self.all_top_ups(tenant).await?,
        };
        Ok(Some(DayFill {
            since: Timestamp(since),
            after: after.as_deref().map(TaskId::parse).transpose()?,
            others: before(others, Timestamp(since)),
        }))
    }

    async fn fill_days(&self, tenant: &TenantId, from: &DayFill, page: &FilledPage) -> Result<()> {
        let (tenant, after, page) = (tenant.clone(), from.after.clone(), page.clone());
        self.write_soon(move |write| fill(write.connection, &tenant, after.as_ref(), &page))
            .await
    }
}

impl SqliteStore {
    async fn all_top_ups(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        let sql = format!(
            "SELECT {} FROM ledger WHERE tenant = ?1 AND kind = ?2",
            money::ENTRY
        );
        let tenant = tenant.clone();
        self.report(move |connection| {
            let top_ups = params![tenant.as_str(), EntryKind::TopUp.as_str()];
            rows(connection, &sql, top_ups, |row| {
                money::entry_of(row).map(|(_, entry)| entry)
            })
        })
        .await
    }
}

/// The sums of the days between these two, both inclusive.
pub(super) fn days_of(
    connection: &Connection,
    tenant: &TenantId,
    (from, to): (&str, &str),
) -> Result<AccountDays> {
    let range = params![tenant.as_str(), from, to];
    let (mut first, mut now, mut zone) = (None, Standing::default(), None);
    let (mut sums, mut is_complete) = (Vec::new(), true);
    for found in rows(connection, DAYS, range, found)? {
        match found.what.as_str() {
            "sums" => sums.push(row(tenant, found)?),
            "day" => first = Some(found.standing),
            "account" => {
                let allowance = Some(found.body).filter(|body| !body.is_empty());
                let account = money::whole(tenant, Some((Account::default(), allowance)))?;
                (now, zone) = (found.standing, Some(account.zone()));
            }
            _ => is_complete = false,
        }
    }
    Ok(AccountDays {
        zone: zone.unwrap_or_default(),
        is_complete,
        rows: sums,
        standing: first.unwrap_or(now),
    })
}

fn before(mut entries: Vec<LedgerEntry>, since: Timestamp) -> Vec<LedgerEntry> {
    entries.retain(|entry| entry.at < since);
    entries
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        what: row.get(0)?,
        day: row.get(1)?,
        is_filled: row.get(2)?,
        model: row.get(3)?,
        key: row.get(4)?,
        body: row.get(5)?,
        standing: day_sums::standing_of(row, 6)?,
    })
}

fn row(tenant: &TenantId, found: Found) -> Result<DayRow> {
    let named = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(DayRow {
        day: day_sums::day_of(found.day)?,
        origin: Origin {
            model: named(found.model).map(ModelId::try_from).transpose()?,
            key: named(found.key).map(KeyId::try_from).transpose()?,
        },
        sums: day_sums::sums_of(tenant, &found.body)?,
        is_filled: found.is_filled,
    })
}

fn fill(
    connection: &Connection,
    tenant: &TenantId,
    after: Option<&TaskId>,
    page: &FilledPage,
) -> Result<()> {
    let id = |id: Option<&TaskId>| id.map(|id| id.as_str().to_owned());
    let moved = connection
        .execute(
            "UPDATE day_fills SET after = ?3, done = ?4
             WHERE tenant = ?1 AND after IS ?2 AND done = 0",
            params![
                tenant.as_str(),
                id(after),
                id(page.after.as_ref()),
                page.is_last
            ],
        )
        .map_err(database("fill in the days"))?;
    if moved != 1 {
        return Err(day_fill_moved());
    }
    for DayRow {
        day, origin, sums, ..
    } in &page.rows
    {
        day_sums::add_filled(connection, tenant, *day, origin, sums)?;
    }
    Ok(())
}
