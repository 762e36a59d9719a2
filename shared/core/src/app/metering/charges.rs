//! A page of a tenant's charges, read by key: it costs the same however many tasks there are.

use super::Metering;
use crate::app::Context;
use crate::app::task_pages::TaskPages;
use crate::base::day::Day;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{TaskId, TenantId};
use crate::counted;
use crate::domain::metering::Charge;
use crate::domain::metering::usage::{Days, UsageReport, Window};
use crate::domain::task::Task;

/// Read at once: most pages are short.
const PAGE_TASKS: usize = 100;
/// Tasks looked at to tell how many charges there are, beyond those of the page.
const TOTAL_TASKS_MAX: usize = 1_000;

/// Which charges and holds are asked for.
#[derive(Debug)]
pub struct ChargesQuery<'a> {
    pub tenant: &'a TenantId,
    /// Those of tasks that were created in it.
    pub made: Window,
    /// Only this model's.
    pub model: Option<&'a str>,
    pub oldest_first: bool,
    /// The `next` of the page before.
    pub after: Option<TaskId>,
    /// How many to pass over from there.
    pub skip: usize,
    pub limit: usize,
}

/// One page. It may be short and not the last, where few tasks were charged.
#[derive(Debug, Default)]
pub struct ChargesPage {
    pub charges: Vec<Charge>,
    /// The last task that was looked at; `None` at the end.
    pub next: Option<TaskId>,
    /// How many there are on all pages; `None` if too many tasks would have to be looked at, or
    /// the page is not read from the beginning.
    pub total: Option<usize>,
}

impl ChargesQuery<'_> {
    fn charge(&self, task: &Task) -> Option<Charge> {
        let is_asked = self.model.is_none_or(|model| model == task.model.as_str());
        Charge::of(task).filter(|_| is_asked)
    }

    /// True for a task behind the window, and so for all that follow.
    fn is_behind(&self, task: &Task) -> bool {
        if self.oldest_first {
            task.created_at > self.made.until
        } else {
            task.created_at < self.made.from
        }
    }

    fn pages<'a>(&'a self, context: &'a Context) -> TaskPages<'a> {
        let (tasks, tenant, after) = (context.tasks(), self.tenant, self.after.clone());
        let pages = if self.oldest_first {
            let first = || TaskId::lowest_at(self.made.from);
            TaskPages::oldest_first(tasks, tenant, Some(after.unwrap_or_else(first)))
        } else {
            let last = || TaskId::lowest_at(self.made.until.plus_ms(1));
            TaskPages::newest_first(tasks, tenant, Some(after.unwrap_or_else(last)))
        };
        pages.of(PAGE_TASKS)
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    charges: Vec<Charge>,
    count: usize,
    /// True if another charge follows the page.
    has_more: bool,
    /// The last task of the page.
    end: Option<TaskId>,
    looked_at: usize,
}

impl Found {
    fn look(&mut self, query: &ChargesQuery<'_>, task: &Task) {
        self.looked_at += 1;
        let is_whole = self.charges.len() >= query.limit;
        if !is_whole {
            self.end = Some(task.id.clone());
        }
        let Some(charge) = query.charge(task) else {
            return;
        };
        self.count += 1;
        self.has_more = is_whole;
        if self.count > query.skip && !is_whole {
            self.charges.push(charge);
        }
    }
}

impl Metering {
    /// A page of the charges and holds of the tasks created in the window, of those that are still
    /// there.
    ///
    /// Kind `Invalid` with code `window_too_full` if more than [`Bounds::usage_tasks_max`] tasks
    /// lie before the page and no `after` says where it begins.
    ///
    /// [`Bounds::usage_tasks_max`]: crate::bounds::Bounds::usage_tasks_max
    pub async fn charges(&self, query: &ChargesQuery<'_>) -> Result<ChargesPage> {
        let sum = self.all_charges(query).await?;
        let mut found = Found::default();
        let knows_total = sum.is_some() || query.after.is_some();
        let is_last = self.look_for(query, &mut found, knows_total).await?;
        Ok(ChargesPage {
            total: sum.or((is_last && query.after.is_none()).then_some(found.count)),
            next: found.end.filter(|_| !is_last || found.has_more),
            charges: found.charges,
        })
    }

    /// True if the last of the window was looked at.
    async fn look_for(
        &self,
        query: &ChargesQuery<'_>,
        found: &mut Found,
        knows_total: bool,
    ) -> Result<bool> {
        let most = self.context.bounds.usage_tasks_max;
        let mut pages = query.pages(&self.context);
        while let Some(page) = pages.next().await? {
            for task in &page {
                if query.is_behind(task) {
                    return Ok(true);
                }
                found.look(query, task);
            }
            if pages.is_done() {
                break;
            }
            let is_counted = knows_total || found.looked_at >= TOTAL_TASKS_MAX;
            if is_counted && found.has_more {
                return Ok(false);
            }
            if found.looked_at >= most && found.count < query.skip {
                return Err(too_far(most));
            }
            if found.looked_at >= most {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many there are in all, from the daily sums: `None` unless all are asked for, and
    /// none was removed.
    async fn all_charges(&self, query: &ChargesQuery<'_>) -> Result<Option<usize>> {
        let made = query.made;
        if made.from.0 > 0 || made.until < self.context.now() {
            return Ok(None);
        }
        let tasks = self.context.tasks();
        if tasks.removed_to(query.tenant).await?.is_some() {
            return Ok(None);
        }
        let all = Days {
            from: Day::FIRST,
            to: Day::LAST,
        };
        let Some(days) = self.context.whole_days(query.tenant, all).await? else {
            return Ok(None);
        };
        let total = UsageReport::of_days(&days, query.model).total();
        let charged = total.requests.saturating_sub(total.failed);
        Ok(usize::try_from(charged).ok())
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

fn too_far(most: usize) -> Error {
    let most = counted(most, "task");
    let text = format!(
        "the page begins more than {most} into the window; ask for its pages in order, or with 'cursor', or for a shorter window"
    );
    Error::invalid("window_too_full", text).field("page")
}
