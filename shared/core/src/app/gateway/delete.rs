//! Deletes tasks: what they were about is gone for good, and their money and usage stay.

use std::collections::BTreeSet;

use tracing::Instrument as _;

use super::Gateway;
use crate::app::machine::SignalOutcome;
use crate::app::traced::task_span;
use crate::base::error::{Error, Kind, Reason, Result, Retry};
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::{Signal, Task};
use crate::domain::webhook::{Delivery, DeliverySignal, transition};
use crate::port::errors::no_such_task;

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deletion {
    Done,
    NoTask,
    /// The provider has the task, or may have it.
    Sent,
}

impl Gateway {
    /// Empties an ended task, after which nobody can read it; one that still waits is cancelled
    /// first. Its objects stay in the tenant's bucket. What was not sent of its events never is.
    ///
    /// Kind `NotFound` for foreign, unknown and deleted ids alike; kind `Conflict`, code
    /// `task_sent`, for a task that the provider has, or may have.
    pub async fn delete(&self, tenant: &TenantId, id: &TaskId) -> Result<()> {
        match self.try_to_delete(tenant, id).await? {
            Deletion::Done => Ok(()),
            Deletion::NoTask => Err(no_such_task()),
            Deletion::Sent => Err(still_there()),
        }
    }

    /// Deletes those that can be, and tells how many: unknown, foreign and deleted ids and tasks
    /// that the provider has are passed by.
    pub async fn delete_all(&self, tenant: &TenantId, ids: &BTreeSet<TaskId>) -> Result<usize> {
        let mut deleted = 0;
        for id in ids {
            let deletion = self.try_to_delete(tenant, id).await?;
            deleted += usize::from(deletion == Deletion::Done);
        }
        Ok(deleted)
    }

    async fn try_to_delete(&self, tenant: &TenantId, id: &TaskId) -> Result<Deletion> {
        match self.task(tenant, id).await {
            Ok(task) => {
                let span = task_span(&task);
                self.delete_task(task).instrument(span).await
            }
            Err(error) if error.is(Reason::NoRecord) => Ok(Deletion::NoTask),
            Err(error) => Err(error),
        }
    }

    async fn delete_task(&self, task: Task) -> Result<Deletion> {
        let task = if task.state.is_end() {
            task
        } else {
            self.machine.signal(task, Signal::Cancel).await?.task()
        };
        if !task.state.is_end() {
            return Ok(Deletion::Sent);
        }
        match self.machine.signal(task, Signal::Delete).await? {
            SignalOutcome::Changed(task) => {
                self.cancel_deliveries(&task).await;
                Ok(Deletion::Done)
            }
            // Somebody else was first.
            SignalOutcome::Unchanged(_) => Ok(Deletion::NoTask),
        }
    }

    /// The task is deleted whatever becomes of this: whoever comes to send one finds that out.
    async fn cancel_deliveries(&self, task: &Task) {
        let cancelled = async {
            for delivery in self.context.deliveries().of_task(task).await? {
                self.cancel_delivery(&delivery).await?;
            }
            Ok::<(), Error>(())
        };
        if let Err(error) = cancelled.await {
            let error = error.with_causes();
            tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error, "could not cancel the deliveries of a deleted task; each is cancelled when it is due");
        }
    }

    async fn cancel_delivery(&self, delivery: &Delivery) -> Result<()> {
        let Ok(after) = transition(delivery, DeliverySignal::Cancel, self.context.now()) else {
            return Ok(());
        };
        match self.context.deliveries().update(&after, None).await {
            // It is being sent, or somebody else cancels it.
            Err(error) if error.is(Reason::VersionMoved) => Ok(()),
            written => written,
        }
    }
}

fn still_there() -> Error {
    let text = "the task was sent to the model's provider, which cannot stop it; delete it when it has ended";
    Error::new(Kind::Conflict, "task_sent", text).retry(Retry::Never)
}
