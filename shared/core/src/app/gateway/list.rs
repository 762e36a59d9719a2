//! The tenant's predictions, newest first.

use super::Gateway;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::provider::Prediction;
use crate::domain::task::Task;

/// How many tasks one request looks through.
const SCAN_MAX: usize = 20_000;
/// Tasks read at once.
const PAGE_TASKS: usize = 100;

/// Which predictions are wanted. What is not given does not bound.
#[derive(Debug, Default)]
pub struct ListQuery {
    pub model: Option<String>,
    /// In the provider's words.
    pub status: Option<String>,
    /// Made then or later.
    pub from: Option<Timestamp>,
    /// Made then or earlier.
    pub until: Option<Timestamp>,
    /// So many of the newest are passed over.
    pub skip: usize,
    pub limit: usize,
}

impl ListQuery {
    fn wants(&self, task: &Task) -> bool {
        self.model
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
    /// Kind `Invalid`, code `list_too_long`, when too many tasks would have to be looked through.
    pub async fn list(&self, tenant: &TenantId, query: &ListQuery) -> Result<Vec<Prediction>> {
        let mut skip = query.skip;
        let mut items = Vec::new();
        let mut before = query.until.map(|until| TaskId::lowest_at(until.plus_ms(1)));
        for _ in 0..SCAN_MAX / PAGE_TASKS {
            let tasks = self
                .context
                .tasks()
                .list(tenant, before.as_ref(), PAGE_TASKS)
                .await?;
            let Some(last) = tasks.last() else {
                return Ok(items);
            };
            before = Some(last.id.clone());
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
            "more than {SCAN_MAX} predictions would have to be looked through; go on with 'created_before', the oldest 'created_at' so far"
        );
        Err(Error::invalid("list_too_long", text).field("created_before"))
    }
}
