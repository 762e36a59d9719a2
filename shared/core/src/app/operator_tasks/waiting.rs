//! Who waits for the provider's account, how many tasks of each, and for how long.

use super::OperatorTasks;
use crate::app::open_tasks::OpenTasks;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::fair_queue::{Capacity, FairQueueReport};
use crate::domain::task::{State, Task};

/// Tenants whose longest wait is looked up.
const TENANTS_MAX: usize = 50;

/// The fair queue, and the longest wait of each tenant in it.
#[derive(Debug)]
pub struct FairQueueView {
    pub capacity: Capacity,
    pub report: FairQueueReport,
    /// In the order of the report; for the tenants with the most waiting tasks.
    pub longest: Vec<LongestWait>,
    pub as_of: Timestamp,
}

/// The task of a tenant that waits longest.
#[derive(Debug)]
pub struct LongestWait {
    pub tenant: TenantId,
    pub task: TaskId,
    pub since: Timestamp,
}

impl OperatorTasks {
    /// `None` if the provider's account is not limited: then nobody waits for it.
    pub async fn fair_queue(&self) -> Result<Option<FairQueueView>> {
        let Some(capacity) = self.machine.capacity else {
            return Ok(None);
        };
        let as_of = self.context.now();
        let queue = self.context.store.fair_queue().read_fair_queue().await?;
        let report = queue.report(as_of, capacity);
        let mut longest = Vec::new();
        for waiting in report.waiting.iter().take(TENANTS_MAX) {
            longest.extend(self.longest_wait(&waiting.tenant).await?);
        }
        Ok(Some(FairQueueView {
            capacity,
            report,
            longest,
            as_of,
        }))
    }

    async fn longest_wait(&self, tenant: &TenantId) -> Result<Option<LongestWait>> {
        let open = OpenTasks::read(&self.context, tenant, Timestamp(i64::MAX)).await?;
        let waits = |task: &&Task| {
            let waits = task.ticket.is_some_and(|ticket| ticket.waits());
            task.state == State::Admitted && waits
        };
        let oldest = open.live().filter(waits).min_by_key(|task| task.created_at);
        Ok(oldest.map(|task| LongestWait {
            tenant: tenant.clone(),
            task: task.id.clone(),
            since: task.created_at,
        }))
    }
}
