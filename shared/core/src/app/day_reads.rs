//! Usage and statements, read from the daily sums; from the tasks only while older days are still
//! to be filled in, or for a window that is not made of whole days.

use super::Context;
use crate::base::day::Day;
use crate::base::error::{Error, Kind, Result, Retry};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::metering::day_sums::AccountDays;
use crate::domain::metering::statement::Statement;
use crate::domain::metering::usage::{Days, UsageReport};
use crate::domain::money::{EntryKind, MicroUsd, Month, Zone};

/// No clock is so far behind that it still writes to a month that is over for so long.
const MONTH_SETTLES_MS: u64 = 5 * 60_000;
/// A day begins everywhere within so long: statements of all tenants are asked for at once.
const EARTH_MS: u64 = 26 * 3_600_000;
/// `Retry-After` while older days are filled in.
const FILLED_AFTER_MS: u64 = 60_000;

/// A range of days as it was asked for.
#[derive(Debug, Clone, Default)]
pub struct AskedDays {
    pub from: Option<Day>,
    pub to: Option<Day>,
    /// The time zone that the caller takes the days to be in.
    pub zone: Option<Zone>,
}

/// The usage of a range of days.
#[derive(Debug)]
pub struct UsageOfDays {
    pub days: Days,
    /// The account's time zone.
    pub zone: Zone,
    pub report: UsageReport,
}

impl Context {
    /// The days that were asked for, in the account's zone. Kind `Unprocessable` with code
    /// `other_time_zone` for another zone, `Invalid` for an impossible range.
    pub(super) async fn days_asked(
        &self,
        tenant: &TenantId,
        asked: &AskedDays,
    ) -> Result<(Days, Zone)> {
        let zone = self.accounts().account(tenant).await?.zone();
        check_zone(&zone, asked.zone.as_ref())?;
        let today = zone.day_at(self.now());
        if let (Some(from), None) = (asked.from, asked.to)
            && from > today
        {
            return Err(not_yet(from, today, &zone));
        }
        let days = Days::named(asked.from, asked.to, today);
        days.check()?;
        Ok((days, zone))
    }

    /// The sums of these days; `None` while older ones are still to be filled in.
    pub(super) async fn whole_days(
        &self,
        tenant: &TenantId,
        days: Days,
    ) -> Result<Option<AccountDays>> {
        let days = self.days().account_days(tenant, days.from, days.to).await?;
        Ok(days.is_complete.then_some(days))
    }

    /// The statement of a month. Kind `Unprocessable` as [`Self::days_asked`], and with code
    /// `invalid_month` for a month that has begun nowhere; `Unavailable` with
    /// code `days_filling` while older days are filled in.
    pub(super) async fn statement(
        &self,
        tenant: &TenantId,
        month: Month,
        zone: Option<&Zone>,
    ) -> Result<Statement> {
        let range = Days {
            from: month.first_day(),
            to: month.last_day(),
        };
        let Some(days) = self.whole_days(tenant, range).await? else {
            return Err(days_filling());
        };
        check_zone(&days.zone, zone)?;
        if days.zone.begins(month) > self.now().plus_ms(EARTH_MS) {
            return Err(not_begun(month));
        }
        let ends = days.zone.begins(month.next());
        let is_final = self.now() >= ends.plus_ms(MONTH_SETTLES_MS);
        Ok(Statement::of(tenant.clone(), month, is_final, &days))
    }

    /// What was captured this month, in the account's zone.
    pub(super) async fn spent_this_month(&self, tenant: &TenantId) -> Result<MicroUsd> {
        let zone = self.accounts().account(tenant).await?.zone();
        let month = zone.month_at(self.now());
        let (from, to) = (month.first_day(), month.last_day());
        let days = self.days().account_days(tenant, from, to).await?;
        Ok(days.total().amount(EntryKind::Capture))
    }
}

fn check_zone(zone: &Zone, asked: Option<&Zone>) -> Result<()> {
    match asked {
        Some(asked) if asked != zone => {
            let text = format!(
                "the days of this account are those of {zone}, not of {asked}; leave 'time_zone' out, or set a budget in that zone"
            );
            Err(Error::new(Kind::Unprocessable, "other_time_zone", text).field("time_zone"))
        }
        _ => Ok(()),
    }
}

fn not_yet(from: Day, today: Day, zone: &Zone) -> Error {
    let text = format!("the first day, {from}, is in the future: in {zone} it is {today}");
    Error::invalid("invalid_window", text).field("from")
}

fn not_begun(month: Month) -> Error {
    let text = format!("the month {month} is in the future");
    Error::new(Kind::Unprocessable, "invalid_month", text).field("month")
}

fn days_filling() -> Error {
    let text = "the days before the last update are still being added up; try again in a minute";
    Error::unavailable("days_filling", text).retry(Retry::AfterMs(FILLED_AFTER_MS))
}

/// The days of a window that ends in the future end today.
pub(super) fn until_now(days: Days, now: Timestamp) -> Days {
    Days {
        to: days.to.min(Day::of(now)),
        ..days
    }
}
