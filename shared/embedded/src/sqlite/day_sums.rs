//! Daily sums, inside the transaction that writes their entries.

use fluxgate_core::day::Day;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::day_sums::{OpenDay, Origin, Standing, Sums};
use fluxgate_core::money::{MicroUsd, Zone};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::{database, parsed, unwritable};
use super::money;

/// The day in which an entry of this moment is recorded; opens it if it has just begun.
pub(super) fn open(connection: &Connection, tenant: &TenantId, at: Timestamp) -> Result<OpenDay> {
    let last = last_day(connection, tenant)?;
    if let Some((open, _)) = last
        && at < open.until
    {
        return Ok(open);
    }
    let zone = money::read(connection, tenant)?.zone();
    let (open, standing) = match last {
        Some((over, standing)) => (
            over.at(&zone, at),
            closing(connection, tenant, over.day, standing)?,
        ),
        None => {
            let (since, standing) = begun(connection, tenant)?;
            (OpenDay::first(&zone, at, since), standing)
        }
    };
    write_day(connection, tenant, &open, standing)?;
    Ok(open)
}

/// Lets the open day end no earlier than the next date begins in the account's new zone.
pub(super) fn change_zone(
    connection: &Connection,
    tenant: &TenantId,
    zone: &Zone,
    now: Timestamp,
) -> Result<()> {
    match last_day(connection, tenant)? {
        Some((open, standing)) => write_day(connection, tenant, &open.in_zone(zone, now), standing),
        None => Ok(()),
    }
}

/// Adds to the sums of a day.
pub(super) fn add(
    connection: &Connection,
    tenant: &TenantId,
    day: Day,
    origin: &Origin,
    sums: &Sums,
) -> Result<()> {
    add_to(connection, tenant, day, false, origin, sums)
}

/// The same for sums that were not written with their entries.
pub(super) fn add_filled(
    connection: &Connection,
    tenant: &TenantId,
    day: Day,
    origin: &Origin,
    sums: &Sums,
) -> Result<()> {
    add_to(connection, tenant, day, true, origin, sums)
}

fn add_to(
    connection: &Connection,
    tenant: &TenantId,
    day: Day,
    is_filled: bool,
    origin: &Origin,
    sums: &Sums,
) -> Result<()> {
    let (model, key) = columns(origin);
    let day = day.to_string();
    let row = params![tenant.as_str(), day, is_filled, model, key];
    let found: Option<String> = connection
        .prepare_cached(
            "SELECT body FROM day_sums
             WHERE tenant = ?1 AND day = ?2 AND filled = ?3 AND model = ?4 AND key = ?5",
        )
        .and_then(|mut statement| statement.query_row(row, |row| row.get(0)).optional())
        .map_err(database("read the sums of a day"))?;
    let mut total = found.map_or_else(|| Ok(Sums::default()), |body| sums_of(tenant, &body))?;
    total.add(sums);
    let body = serde_json::to_string(&total).map_err(unwritable)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO day_sums (tenant, day, filled, model, key, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut statement| {
            statement.execute(params![tenant.as_str(), day, is_filled, model, key, body])
        })
        .map(drop)
        .map_err(database("write the sums of a day"))
}

pub(super) fn sums_of(tenant: &TenantId, body: &str) -> Result<Sums> {
    parsed(body, format_args!("sums of a day of tenant '{tenant}'"))
}

/// Empty texts for what there is not.
fn columns(origin: &Origin) -> (&str, &str) {
    let model = origin.model.as_ref().map_or("", |model| model.as_str());
    (model, origin.key.as_ref().map_or("", |key| key.as_str()))
}

pub(super) fn standing_of(row: &Row<'_>, from: usize) -> rusqlite::Result<Standing> {
    Ok(Standing {
        balance: MicroUsd(row.get(from)?),
        held: MicroUsd(row.get(from + 1)?),
    })
}

pub(super) fn day_of(text: String) -> Result<Day> {
    Day::try_from(text).map_err(|error| {
        Error::internal("row_unreadable", "the day of stored sums cannot be read").source(error)
    })
}

/// The open day, and what the account had when it began.
fn last_day(connection: &Connection, tenant: &TenantId) -> Result<Option<(OpenDay, Standing)>> {
    let found = connection
        .prepare_cached(
            "SELECT day, begins, ends, month_begins, balance, held FROM days
             WHERE tenant = ?1 ORDER BY day DESC LIMIT 1",
        )
        .and_then(|mut statement| {
            let read = |row: &Row<'_>| {
                let moments = [row.get(1)?, row.get(2)?, row.get(3)?];
                Ok((
                    row.get::<_, String>(0)?,
                    moments.map(Timestamp),
                    standing_of(row, 4)?,
                ))
            };
            statement
                .query_row(params![tenant.as_str()], read)
                .optional()
        })
        .map_err(database("read the open day"))?;
    let open = found.map(|(day, [from, until, month_from], standing)| {
        let day = day_of(day)?;
        let open = OpenDay {
            day,
            from,
            until,
            month_from,
        };
        Ok((open, standing))
    });
    open.transpose()
}

fn write_day(
    connection: &Connection,
    tenant: &TenantId,
    open: &OpenDay,
    standing: Standing,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO days
             (tenant, day, begins, ends, month_begins, balance, held)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                tenant.as_str(),
                open.day.to_string(),
                open.from.0,
                open.until.0,
                open.month_from.0,
                standing.balance.0,
                standing.held.0
            ])
        })
        .map(drop)
        .map_err(database("open a day"))
}

/// What the account had at the end of a day that it began with this.
fn closing(
    connection: &Connection,
    tenant: &TenantId,
    day: Day,
    opening: Standing,
) -> Result<Standing> {
    let bodies: Vec<String> = connection
        .prepare_cached("SELECT body FROM day_sums WHERE tenant = ?1 AND day = ?2 AND filled = 0")
        .and_then(|mut statement| {
            let key = params![tenant.as_str(), day.to_string()];
            statement.query_map(key, |row| row.get(0))?.collect()
        })
        .map_err(database("read the sums of a day"))?;
    bodies.iter().try_fold(opening, |standing, body| {
        Ok(standing.moved(&sums_of(tenant, body)?, 1))
    })
}

/// Since when the account's entries are added up, and what it had then.
fn begun(connection: &Connection, tenant: &TenantId) -> Result<(Timestamp, Standing)> {
    let begun = connection
        .query_row(
            "SELECT since, balance, held FROM day_fills WHERE tenant = ?1",
            params![tenant.as_str()],
            |row| Ok((Timestamp(row.get(0)?), standing_of(row, 1)?)),
        )
        .optional()
        .map_err(database("read when the sums began"))?;
    Ok(begun.unwrap_or((Timestamp(i64::MIN), Standing::default())))
}
