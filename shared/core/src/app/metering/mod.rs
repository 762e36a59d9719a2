//! Reads a tenant's usage and statements from its daily sums, and its charges from its tasks.

mod charges;
mod export;

pub use charges::{ChargesPage, ChargesQuery};
pub use export::{Exported, ExportedAll, UsageExport};

use super::Context;
use super::day_reads::{AskedDays, UsageOfDays, until_now};
use super::ledger::{self, LedgerPage, LedgerRequest};
use super::task_pages::TaskPages;
use crate::base::bounds::Bounds;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::counted;
use crate::domain::metering::statement::Statement;
use crate::domain::metering::usage::{Days, UsageReport, Window};
use crate::domain::money::{Allowance, Month, Zone};
use crate::domain::task::Task;
use crate::port::TaskStore;

/// How many times as many tasks may have been made in a task's life before a window as in the
/// window.
const EARLIER_TIMES: usize = 10;

/// Which tenant's usage, and for which window.
#[derive(Debug)]
pub struct UsageQuery<'a> {
    pub tenant: &'a TenantId,
    pub window: Window,
    /// Only this model.
    pub model: Option<&'a str>,
}

/// The tasks to read. Those created before `from` count towards the limit for earlier tasks.
pub(crate) struct Span {
    pub(crate) made: Window,
    pub(crate) from: Timestamp,
}

/// Calls `show` for each task created in the span, newest first.
pub(crate) async fn each_task(
    tasks: &dyn TaskStore,
    bounds: &Bounds,
    tenant: &TenantId,
    span: Span,
    mut show: impl FnMut(&Task) + Send,
) -> Result<()> {
    let most = bounds.usage_tasks_max;
    let (mut within, mut earlier) = (most, most.saturating_mul(EARLIER_TIMES));
    let before = TaskId::lowest_at(span.made.until.plus_ms(1));
    let mut pages = TaskPages::newest_first(tasks, tenant, Some(before));
    while let Some(page) = pages.next().await? {
        for task in &page {
            if task.created_at < span.made.from {
                return Ok(());
            }
            let left = if task.created_at < span.from {
                &mut earlier
            } else {
                &mut within
            };
            *left = left
                .checked_sub(1)
                .ok_or_else(|| too_full(most, task.created_at < span.from))?;
            show(task);
        }
    }
    Ok(())
}

/// See [`Metering::usage_of_days`].
pub(super) async fn usage_of_days(
    context: &Context,
    tenant: &TenantId,
    asked: &AskedDays,
) -> Result<UsageOfDays> {
    let (days, zone) = context.days_asked(tenant, asked).await?;
    let report = match context.whole_days(tenant, days).await? {
        Some(whole) => UsageReport::of_days(&whole, None),
        None => {
            let (window, model) = (days.window(&zone), None);
            let query = UsageQuery {
                tenant,
                window,
                model,
            };
            let mut report = UsageReport::default();
            count_tasks(context, &query, &zone, &mut report).await?;
            report
        }
    };
    Ok(UsageOfDays { days, zone, report })
}

/// Adds what the tasks themselves tell.
async fn count_tasks(
    context: &Context,
    query: &UsageQuery<'_>,
    zone: &Zone,
    report: &mut UsageReport,
) -> Result<()> {
    let bounds = &context.bounds;
    // A task that ends in the window may have begun before it.
    let made = Window {
        from: bounds.earliest_made(query.window.from),
        until: query.window.until,
    };
    let span = Span {
        made,
        from: query.window.from,
    };
    context.check_not_removed(query.tenant, made.from).await?;
    each_task(context.tasks(), bounds, query.tenant, span, |task| {
        if query.model.is_none_or(|model| model == task.model.as_str()) {
            report.count(task, &query.window, zone);
        }
    })
    .await
}

fn too_full(most: usize, earlier: bool) -> Error {
    let text = if earlier {
        let most = counted(most.saturating_mul(EARLIER_TIMES), "task");
        format!(
            "more than {most} created before the window may have ended in it; ask the operator to raise usage_tasks_max"
        )
    } else {
        format!(
            "the window holds more than {} beside whole days of UTC; ask for a shorter one, or begin at 00:00 UTC and end there or after this moment",
            counted(most, "task")
        )
    };
    Error::invalid("window_too_full", text)
}

/// What a tenant used and was charged.
pub struct Metering {
    context: Context,
}

impl Metering {
    pub fn new(context: Context) -> Self {
        Self { context }
    }

    /// The usage for a range of days; by default the last thirty. Kind `Unprocessable` with code
    /// `other_time_zone` for days of another zone than the account's.
    pub async fn usage_of_days(&self, tenant: &TenantId, asked: &AskedDays) -> Result<UsageOfDays> {
        usage_of_days(&self.context, tenant, asked).await
    }

    /// The statement of a month, in the account's zone. Kind `Unprocessable` as above;
    /// `Unavailable` with code `days_filling` while an update adds up earlier days.
    pub async fn statement(
        &self,
        tenant: &TenantId,
        month: Month,
        zone: Option<&Zone>,
    ) -> Result<Statement> {
        self.context.statement(tenant, month, zone).await
    }

    /// The budget in force and the current month's use of it; `None` for a tenant without a budget.
    pub async fn budget(&self, tenant: &TenantId) -> Result<Option<Allowance>> {
        Ok(self
            .context
            .accounts()
            .account(tenant)
            .await?
            .budget_at(self.context.now()))
    }

    /// A page of the ledger, with its running balance.
    pub async fn ledger(&self, tenant: &TenantId, request: LedgerRequest) -> Result<LedgerPage> {
        ledger::read_page(&self.context, tenant, request).await
    }

    /// The usage in a window. Requests count when they were made, ends and charges when they
    /// happened, so that the charges equal the ledger's captures for the same window. Whole days
    /// are read from the daily sums of an account whose days are those of UTC, and only what is
    /// left of the window beside them from the tasks.
    ///
    /// Kind `Unprocessable` with code `tasks_removed` if tasks of a part that is read from them
    /// were removed. Kind `Invalid`, code `window_too_full`, if such a part holds more than
    /// [`Bounds::usage_tasks_max`] tasks, or the task lifetime before it more than ten times as
    /// many.
    pub async fn usage(&self, query: &UsageQuery<'_>) -> Result<UsageReport> {
        let (context, now) = (&self.context, self.context.now());
        let (utc, mut report) = (Zone::default(), UsageReport::default());
        let mut rest = vec![query.window];
        if let Some((days, beside)) = Days::within(&query.window, now) {
            let days = until_now(days, now);
            let whole = context.whole_days(query.tenant, days).await?;
            if let Some(whole) = whole.filter(|whole| whole.zone == utc) {
                report = UsageReport::of_days(&whole, query.model);
                rest = beside;
            }
        }
        for window in rest {
            let query = UsageQuery { window, ..*query };
            count_tasks(context, &query, &utc, &mut report).await?;
        }
        Ok(report)
    }
}
