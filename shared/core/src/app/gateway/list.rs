//! Lists the tenant's predictions, newest first.

use super::Gateway;
use super::inputs_told::PageOfInputs;
use crate::app::task_pages::TaskPages;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::provider::Prediction;
use crate::domain::task::Task;

/// Maximum number of tasks scanned by one request.
const SCAN_MAX: usize = 20_000;
/// Tasks read at once: most lists are short.
const PAGE_TASKS: usize = 100;
/// Tasks scanned to tell how many match, beyond those of the page.
const TOTAL_SCAN_MAX: usize = 1_000;

/// Filters for a list of predictions. An absent filter matches everything.
#[derive(Debug, Default)]
pub struct ListQuery {
    pub model: Option<String>,
    /// In the provider's terms.
    pub status: Option<String>,
    /// Created at this time or later.
    pub from: Option<Timestamp>,
    /// Created at this time or earlier.
    pub until: Option<Timestamp>,
    /// Number of matches to skip, newest first.
    pub skip: usize,
    pub limit: usize,
    /// Whether each prediction tells what it was asked for.
    pub with_inputs: bool,
}

/// One page of a list.
#[derive(Debug, Default)]
pub struct PredictionPage {
    pub items: Vec<Prediction>,
    /// How many predictions match; `None` if too many would have to be scanned to know.
    pub total: Option<usize>,
}

impl ListQuery {
    fn check(&self) -> Result<()> {
        match (self.from, self.until) {
            (Some(from), Some(until)) if until < from => {
                let text = "'created_before' is earlier than 'created_after', so nothing can match; swap them";
                Err(Error::invalid("invalid_window", text).field("created_before"))
            }
            _ => Ok(()),
        }
    }

    fn wants(&self, task: &Task) -> bool {
        task.deleted.is_none()
            && self
                .model
                .as_deref()
                .is_none_or(|model| model == task.model.as_str())
            && self
                .status
                .as_deref()
                .is_none_or(|status| status == task.state.status())
            && self.until.is_none_or(|until| task.created_at <= until)
    }
}

impl Gateway {
    /// Kind `Invalid`: code `invalid_window` if the times are reversed, code `list_too_long` if too
    /// many tasks would have to be scanned, code `page_too_large` if the inputs of the page are too
    /// large for one answer.
    pub async fn list(&self, tenant: &TenantId, query: &ListQuery) -> Result<PredictionPage> {
        query.check()?;
        let before = query.until.map(|until| TaskId::lowest_at(until.plus_ms(1)));
        let tasks = self.context.tasks();
        let mut pages = TaskPages::newest_first(tasks, tenant, before).of(PAGE_TASKS);
        let mut found = Found::default();
        for scanned in (0..SCAN_MAX).step_by(PAGE_TASKS) {
            if found.is_whole(query) && scanned >= TOTAL_SCAN_MAX {
                return self.page(found, query, false).await;
            }
            let Some(tasks) = pages.next().await? else {
                return self.page(found, query, true).await;
            };
            for task in tasks {
                if query.from.is_some_and(|from| task.created_at < from) {
                    return self.page(found, query, true).await;
                }
                found.add(task, query);
            }
        }
        if found.is_whole(query) {
            return self.page(found, query, false).await;
        }
        let text = format!(
            "this request would have to scan more than {SCAN_MAX} predictions; to continue, set 'created_before' to the oldest 'created_at' you have received"
        );
        Err(Error::invalid("list_too_long", text).field("created_before"))
    }

    /// `counted` is true if all that match were found.
    async fn page(&self, found: Found, query: &ListQuery, counted: bool) -> Result<PredictionPage> {
        let mut page = PredictionPage {
            items: Vec::with_capacity(found.tasks.len()),
            total: counted.then_some(found.count),
        };
        let mut inputs = PageOfInputs::default();
        for task in &found.tasks {
            let mut prediction = self.view(task).await?;
            if query.with_inputs {
                prediction.input = inputs.add(self.inputs_told(task).await?)?;
                prediction.input_absent = prediction.input.is_none().then_some("no_longer_kept");
            }
            page.items.push(prediction);
        }
        Ok(page)
    }
}

/// The tasks of the page, and how many match so far.
#[derive(Default)]
struct Found {
    tasks: Vec<Task>,
    count: usize,
}

impl Found {
    fn add(&mut self, task: Task, query: &ListQuery) {
        if !query.wants(&task) {
            return;
        }
        if self.count >= query.skip && !self.is_whole(query) {
            self.tasks.push(task);
        }
        self.count += 1;
    }

    fn is_whole(&self, query: &ListQuery) -> bool {
        self.tasks.len() >= query.limit
    }
}
