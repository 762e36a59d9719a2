//! Deletes tasks: what they were about is gone for good, and their money and usage stay.

use std::collections::BTreeSet;

use tracing::Instrument as _;

use super::Gateway;
use crate::app::machine::DeletionOutcome;
use crate::app::traced::task_span;
use crate::base::error::{Error, Kind, Reason, Result, Retry};
use crate::base::id::{TaskId, TenantId};
use crate::port::errors::no_such_task;

impl Gateway {
    /// Empties an ended task, after which nobody can read it; one that still waits is cancelled
    /// first. Its objects stay in the tenant's bucket. What was not sent of its events never is.
    ///
    /// Kind `NotFound` for foreign, unknown and deleted ids alike; kind `Conflict`, code
    /// `task_sent`, for a task that the provider has, or may have.
    pub async fn delete(&self, tenant: &TenantId, id: &TaskId) -> Result<()> {
        match self.try_to_delete(tenant, id).await? {
            DeletionOutcome::Done => Ok(()),
            DeletionOutcome::NoTask => Err(no_such_task()),
            DeletionOutcome::Sent => Err(still_there()),
        }
    }

    /// Deletes those that can be, and tells how many: unknown, foreign and deleted ids and tasks
    /// that the provider has are passed by.
    pub async fn delete_all(&self, tenant: &TenantId, ids: &BTreeSet<TaskId>) -> Result<usize> {
        let mut deleted = 0;
        for id in ids {
            let deletion = self.try_to_delete(tenant, id).await?;
            deleted += usize::from(deletion == DeletionOutcome::Done);
        }
        Ok(deleted)
    }

    async fn try_to_delete(&self, tenant: &TenantId, id: &TaskId) -> Result<DeletionOutcome> {
        match self.task(tenant, id).await {
            Ok(task) => {
                let span = task_span(&task);
                self.machine.delete(task).instrument(span).await
            }
            Err(error) if error.is(Reason::NoRecord) => Ok(DeletionOutcome::NoTask),
            Err(error) => Err(error),
        }
    }
}

fn still_there() -> Error {
    let text = "the task was sent to the model's provider, which cannot stop it; delete it when it has ended";
    Error::new(Kind::Conflict, "task_sent", text).retry(Retry::Never)
}
