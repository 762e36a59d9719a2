//! Reading what a tenant used and what it was charged, from its tasks of a window of time.

mod export;

pub use export::{Exported, ExportedAll, UsageExport};

use super::Context;
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

/// Tasks read at once.
const PAGE_TASKS: usize = 1_000;
/// No run is charged later than this after it was asked for, even if nothing ran for days in
/// between: what it made is gone the provider after seven days, and a day is left for what comes
/// before and after.
const LIFE_MAX_MS: u64 = 8 * 86_400_000;
/// How many times as many tasks may have been made in that time before a window as in the window.
const EARLIER_TIMES: usize = 10;

/// Whose usage, and of when.
#[derive(Debug)]
pub struct UsageQuery<'a> {
    pub tenant: &'a TenantId,
    pub window: Window,
    /// Of this model alone.
    pub model: Option<&'a str>,
}

/// Of whose tasks all are wanted, and those that were made from `from` on for their own sake.
pub(crate) struct Span {
    pub(crate) made: Window,
    pub(crate) from: Timestamp,
}

/// Shows each task that was made in the span, newest first.
pub(crate) async fn each_task(
    tasks: &dyn TaskStore,
    bounds: &Bounds,
    tenant: &TenantId,
    span: Span,
    mut show: impl FnMut(&Task) + Send,
) -> Result<()> {
    let most = bounds.usage_tasks_max;
    let (mut within, mut earlier) = (most, most.saturating_mul(EARLIER_TIMES));
    let mut before = TaskId::lowest_at(span.made.until.plus_ms(1));
    loop {
        let page = tasks.list(tenant, Some(&before), PAGE_TASKS).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        before = last.id.clone();
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
}

fn too_full(most: usize, earlier: bool) -> Error {
    let text = if earlier {
        let most = counted(most.saturating_mul(EARLIER_TIMES), "task");
        format!(
            "more than {most} from before the window could have ended in it; the operator can raise usage_tasks_max"
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

    /// The usage of some days: the last thirty when none is named.
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

    /// The budget in force with the month as it stands now; `None` for a tenant without.
    pub async fn budget(&self, tenant: &TenantId) -> Result<Option<Allowance>> {
        Ok(self
            .context
            .accounts()
            .account(tenant)
            .await?
            .budget_at(self.context.now()))
    }

    /// The usage of a window: requests by when they were made, ends and charges by when they
    /// happened, so that the charges are the ledger's captures of the same window.
    ///
    /// Kind `Invalid`, code `window_too_full`, when the window holds more than
    /// [`Bounds::usage_tasks_max`] tasks, or the life of a task before it ten times as many.
    pub async fn usage(&self, query: &UsageQuery<'_>) -> Result<UsageReport> {
        let mut report = UsageReport::default();
        let bounds = &self.context.bounds;
        let life_ms = i64::try_from(LIFE_MAX_MS.max(bounds.task_life_ms())).unwrap_or(i64::MAX);
        // A task that ends in the window may have begun before it.
        let made = Window {
            from: Timestamp(query.window.from.0.saturating_sub(life_ms)),
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

    /// What was charged and what is held for the tasks that were made in the window, newest first.
    /// Kind `Invalid` as in [`Self::usage`].
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

    /// The charges of these tasks, newest first; unknown and foreign ids have none.
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
