//! Reads a tenant's usage and charges in a time window from its tasks.

mod export;

pub use export::{Exported, ExportedAll, UsageExport};

use super::Context;
use super::task_pages::TaskPages;
use crate::base::bounds::Bounds;
use crate::base::day::Day;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::counted;
use crate::domain::metering::Charge;
use crate::domain::metering::usage::{Days, UsageReport, Window};
use crate::domain::money::Allowance;
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

fn too_full(most: usize, earlier: bool) -> Error {
    let text = if earlier {
        let most = counted(most.saturating_mul(EARLIER_TIMES), "task");
        format!(
            "more than {most} created before the window may have ended in it; ask the operator to raise usage_tasks_max"
        )
    } else {
        format!(
            "the window holds more than {}; ask for a shorter one",
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

    /// The usage for a range of days; by default the last thirty.
    pub async fn usage_of_days(
        &self,
        tenant: &TenantId,
        from: Option<Day>,
        to: Option<Day>,
    ) -> Result<(Days, UsageReport)> {
        let days = Days::named(from, to, self.context.now());
        let report = self
            .usage(&UsageQuery {
                tenant,
                window: days.window()?,
                model: None,
            })
            .await?;
        Ok((days, report))
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

    /// The usage in a window. Requests count when they were made, ends and charges when they
    /// happened, so that the charges equal the ledger's captures for the same window.
    ///
    /// Kind `Invalid`, code `window_too_full`, if the window holds more than
    /// [`Bounds::usage_tasks_max`] tasks, or the task lifetime before it more than ten times as
    /// many.
    pub async fn usage(&self, query: &UsageQuery<'_>) -> Result<UsageReport> {
        let mut report = UsageReport::default();
        let bounds = &self.context.bounds;
        // A task that ends in the window may have begun before it.
        let made = Window {
            from: bounds.earliest_made(query.window.from),
            until: query.window.until,
        };
        let span = Span {
            made,
            from: query.window.from,
        };
        each_task(self.context.tasks(), bounds, query.tenant, span, |task| {
            if query.model.is_none_or(|model| model == task.model.as_str()) {
                report.count(task, &query.window);
            }
        })
        .await?;
        Ok(report)
    }

    /// The charges and holds of the tasks created in the window, newest first. Kind `Invalid` as in
    /// [`Self::usage`].
    pub async fn charges(&self, tenant: &TenantId, made: Window) -> Result<Vec<Charge>> {
        let mut charges = Vec::new();
        let span = Span {
            made,
            from: made.from,
        };
        each_task(
            self.context.tasks(),
            &self.context.bounds,
            tenant,
            span,
            |task| charges.extend(Charge::of(task)),
        )
        .await?;
        Ok(charges)
    }

    /// The charges of these tasks, newest first; unknown and foreign ids are skipped.
    pub async fn charges_of(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Charge>> {
        let mut charges = Vec::new();
        for id in ids {
            match self.context.tasks().get(tenant, id).await {
                Ok(task) => charges.extend(Charge::of(&task)),
                Err(error) if error.kind == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        charges.sort_by(|one, other| other.task.cmp(&one.task));
        charges.dedup_by(|one, other| one.task == other.task);
        Ok(charges)
    }
}
