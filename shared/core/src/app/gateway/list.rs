//! Lists the tenant's predictions, newest first.

use super::Gateway;
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
}

impl ListQuery {
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
    /// Kind `Invalid`, code `list_too_long`, if too many tasks would have to be scanned.
    pub async fn list(&self, tenant: &TenantId, query: &ListQuery) -> Result<Vec<Prediction>> {
        let mut skip = query.skip;
        let mut items = Vec::new();
        let before = query.until.map(|until| TaskId::lowest_at(until.plus_ms(1)));
        let tasks = self.context.tasks();
        let mut pages = TaskPages::newest_first(tasks, tenant, before).of(PAGE_TASKS);
        for _ in 0..SCAN_MAX / PAGE_TASKS {
            let Some(tasks) = pages.next().await? else {
                return Ok(items);
            };
            for task in &tasks {
                if query.from.is_some_and(|from| task.created_at < from) {
                    return Ok(items);
                }
                if !query.wants(task) {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                items.push(self.view(task).await?);
                if items.len() == query.limit {
                    return Ok(items);
                }
            }
        }
        let text = format!(
            "this request would have to scan more than {SCAN_MAX} predictions; to continue, set 'created_before' to the oldest 'created_at' you have received"
        );
        Err(Error::invalid("list_too_long", text).field("created_before"))
    }
}
