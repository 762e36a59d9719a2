//! Finds tasks of all tenants: those that are open by the set of open tasks, those that ended by
//! their tenant and a window of time.

use super::OperatorTasks;
use crate::app::open_tasks::OpenTasks;
use crate::app::task_pages::TaskPages;
use crate::base::error::{Error, Result};
use crate::base::id::{ModelId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{State, Task};

/// Tenants looked at for one page.
const TENANTS_MAX: usize = 100;
/// Read at once.
const PAGE_TASKS: usize = 100;
/// How far back ended tasks of all tenants are looked for, unless the query says.
const WINDOW_MS: u64 = 86_400_000;

/// Which tasks are wanted; what is left out matches all, but of all tenants only open tasks.
#[derive(Debug, Default)]
pub struct OperatorTaskQuery {
    pub tenant: Option<TenantId>,
    pub states: Vec<State>,
    pub model: Option<ModelId>,
    /// The reason of a failure.
    pub error: Option<String>,
    /// Created at least so long ago.
    pub age_min_ms: Option<u64>,
    /// Created at this time or later.
    pub from: Option<Timestamp>,
    /// Created before this time.
    pub before: Option<Timestamp>,
    /// The `next` of the page before.
    pub after: Option<TaskPlace>,
    pub limit: usize,
}

/// Where a page ended: at a task, or before the first task of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPlace {
    pub tenant: TenantId,
    pub task: Option<TaskId>,
}

/// By tenant: open tasks oldest first, others newest first. A page may be empty and not the last.
#[derive(Debug)]
pub struct OperatorTaskPage {
    pub tasks: Vec<Task>,
    pub next: Option<TaskPlace>,
    /// When the tasks were read: later changes are not in it.
    pub as_of: Timestamp,
}

impl TaskPlace {
    /// Kind `Invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        let (tenant, task) = text.split_once(':').ok_or_else(no_place)?;
        let task = (!task.is_empty()).then(|| TaskId::parse(task));
        Ok(Self {
            tenant: TenantId::parse(tenant)?,
            task: task.transpose()?,
        })
    }

    pub fn text(&self) -> String {
        match &self.task {
            Some(task) => format!("{}:{task}", self.tenant),
            None => format!("{}:", self.tenant),
        }
    }
}

impl OperatorTaskQuery {
    /// Only open tasks can match.
    fn is_about_open(&self) -> bool {
        let by_state = !self.states.is_empty() && self.states.iter().all(|state| !state.is_end());
        let by_default = self.states.is_empty() && self.tenant.is_none() && self.error.is_none();
        by_state || by_default
    }

    fn check(&self) -> Result<()> {
        if let (Some(from), Some(before)) = (self.from, self.before)
            && from >= before
        {
            let text = "'from' is not earlier than 'before'; no task was created in between";
            return Err(Error::invalid("invalid_parameter", text).field("from"));
        }
        if let (Some(tenant), Some(place)) = (&self.tenant, &self.after)
            && *tenant != place.tenant
        {
            return Err(no_place());
        }
        Ok(())
    }

    fn wants(&self, task: &Task, now: Timestamp) -> bool {
        let reason = task.failure.as_ref().map(|failure| &failure.reason);
        (self.states.is_empty() || self.states.contains(&task.state))
            && self.model.as_ref().is_none_or(|model| *model == task.model)
            && self
                .error
                .as_ref()
                .is_none_or(|error| reason == Some(error))
            && self.from.is_none_or(|from| task.created_at >= from)
            && self.end(now).is_none_or(|end| task.created_at < end)
    }

    /// Only tasks that were created before it.
    fn end(&self, now: Timestamp) -> Option<Timestamp> {
        let old_enough = self.age_min_ms.map(|age_ms| now.minus_ms(age_ms));
        match (self.before, old_enough) {
            (Some(before), Some(old)) => Some(before.min(old)),
            (before, old) => before.or(old),
        }
    }
}

fn no_place() -> Error {
    let text = "'cursor' is the 'next' of the page before, of the same query";
    Error::invalid("invalid_parameter", text).field("cursor")
}

/// What a page has found so far, and how much was looked at for it.
struct Search {
    now: Timestamp,
    found: Vec<Task>,
    looked_at: usize,
    looks_max: usize,
    limit: usize,
}

impl Search {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit || self.looked_at >= self.looks_max
    }

    fn look(&mut self, query: &OperatorTaskQuery, task: Task) {
        self.looked_at += 1;
        if query.wants(&task, self.now) {
            self.found.push(task);
        }
    }

    fn page(self, next: Option<TaskPlace>) -> OperatorTaskPage {
        OperatorTaskPage {
            tasks: self.found,
            next,
            as_of: self.now,
        }
    }
}

impl OperatorTasks {
    /// One page. Kind `Invalid`, naming the field, for a query that cannot be; kind `NotFound` for
    /// a tenant that there never was.
    pub async fn find(&self, query: &OperatorTaskQuery) -> Result<OperatorTaskPage> {
        query.check()?;
        let mut search = Search {
            now: self.context.now(),
            found: Vec::new(),
            looked_at: 0,
            looks_max: self.context.bounds.page_tasks_max,
            limit: query.limit,
        };
        let tenants = self.tenants(query).await?;
        for (n, tenant) in tenants.iter().enumerate() {
            if n == TENANTS_MAX || search.is_full() {
                let (tenant, task) = (tenant.clone(), None);
                return Ok(search.page(Some(TaskPlace { tenant, task })));
            }
            let after = query.after.as_ref().filter(|place| place.tenant == *tenant);
            let after = after.and_then(|place| place.task.as_ref());
            let last = match query.is_about_open() {
                true => self.open(tenant, after, query, &mut search).await?,
                false => self.history(tenant, after, query, &mut search).await?,
            };
            if let Some(last) = last {
                let (tenant, task) = (tenant.clone(), Some(last));
                return Ok(search.page(Some(TaskPlace { tenant, task })));
            }
        }
        Ok(search.page(None))
    }

    /// Those that are left to look at, in order.
    async fn tenants(&self, query: &OperatorTaskQuery) -> Result<Vec<TenantId>> {
        if let Some(tenant) = &query.tenant {
            self.operator.check_known(tenant).await?;
            return Ok(vec![tenant.clone()]);
        }
        let mut ids = self.context.tenants().ids().await?;
        ids.sort();
        if let Some(place) = &query.after {
            ids.retain(|id| *id >= place.tenant);
        }
        Ok(ids)
    }

    /// The task that the page ends with, if it ends here. All of the tenant's open tasks are read
    /// in any case, so each of them is looked at: the page after would read them again.
    async fn open(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        query: &OperatorTaskQuery,
        search: &mut Search,
    ) -> Result<Option<TaskId>> {
        let open = OpenTasks::read(&self.context, tenant, Timestamp(i64::MAX)).await?;
        let left = open.tasks.into_iter();
        for task in left.filter(|task| after.is_none_or(|after| task.id > *after)) {
            let id = task.id.clone();
            search.look(query, task);
            if search.found.len() >= search.limit {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn history(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        query: &OperatorTaskQuery,
        search: &mut Search,
    ) -> Result<Option<TaskId>> {
        let window = || search.now.minus_ms(WINDOW_MS);
        let from = query.from.or_else(|| query.tenant.is_none().then(window));
        let newest = query.end(search.now).map(TaskId::lowest_at);
        let start = match (after, newest) {
            (Some(after), Some(newest)) => Some(newest.min(after.clone())),
            (after, newest) => after.cloned().or(newest),
        };
        let tasks = self.context.tasks();
        let mut pages = TaskPages::newest_first(tasks, tenant, start).of(PAGE_TASKS);
        while let Some(page) = pages.next().await? {
            for task in page {
                if from.is_some_and(|from| task.created_at < from) {
                    return Ok(None);
                }
                let id = task.id.clone();
                search.look(query, task);
                if search.is_full() {
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_was_told() {
        for text in ["acme:", &format!("acme:{}", "0a".repeat(16))] {
            assert_eq!(TaskPlace::parse(text).unwrap().text(), text);
        }
        for text in ["", "acme", "acme:1", ":", "Acme:", "nonsense"] {
            assert!(TaskPlace::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn of_all_tenants_open_tasks_are_meant_unless_an_end_is_asked_for() {
        let all = OperatorTaskQuery::default();
        let failed = OperatorTaskQuery {
            states: vec![State::Failed, State::Unknown],
            ..OperatorTaskQuery::default()
        };
        let of_one = OperatorTaskQuery {
            tenant: Some(TenantId::parse("acme").unwrap()),
            ..OperatorTaskQuery::default()
        };

        assert!(all.is_about_open());
        assert!(!failed.is_about_open() && !of_one.is_about_open());
    }
}
