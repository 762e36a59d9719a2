//! Deletes an ended task: what it was about is gone for good, and its money and usage stay.

use super::{Machine, SignalOutcome};
use crate::base::error::{Error, Reason, Result};
use crate::domain::task::{Signal, Task};
use crate::domain::webhook::{Delivery, DeliverySignal, transition};

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeletionOutcome {
    Done,
    NoTask,
    /// The provider has the task, or may have it.
    Sent,
}

impl Machine {
    /// Empties the task; one that still waits is cancelled first. What was not sent of its events
    /// never is, and what receivers answered is dropped.
    pub(crate) async fn delete(&self, task: Task) -> Result<DeletionOutcome> {
        let task = self.ended(task).await?;
        if !task.state.is_end() {
            return Ok(DeletionOutcome::Sent);
        }
        match self.signal(task, Signal::Delete).await? {
            SignalOutcome::Changed(task) => {
                self.drop_deliveries(&task).await;
                Ok(DeletionOutcome::Done)
            }
            // Somebody else was first.
            SignalOutcome::Unchanged(_) => Ok(DeletionOutcome::NoTask),
        }
    }

    /// The task, cancelled if it still waits.
    pub(crate) async fn ended(&self, task: Task) -> Result<Task> {
        if task.state.is_end() {
            return Ok(task);
        }
        Ok(self.signal(task, Signal::Cancel).await?.task())
    }

    /// What receivers answered goes out of the task's deliveries; they stay until they expire.
    pub(crate) async fn erase_answers(&self, task: &Task) -> Result<()> {
        for delivery in self.context.deliveries().of_task(task).await? {
            self.change_delivery(delivery, DeliverySignal::Erase)
                .await?;
        }
        Ok(())
    }

    /// The task is deleted whatever becomes of this: whoever comes to send one finds that out.
    async fn drop_deliveries(&self, task: &Task) {
        let dropped = async {
            for delivery in self.context.deliveries().of_task(task).await? {
                let cancelling = self.change_delivery(delivery, DeliverySignal::Cancel);
                let delivery = cancelling.await?;
                self.change_delivery(delivery, DeliverySignal::Erase)
                    .await?;
            }
            Ok::<(), Error>(())
        };
        if let Err(error) = dropped.await {
            let error = error.with_causes();
            tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error, "could not drop the deliveries of a deleted task; each is cancelled when it is due, and an erasure drops what receivers answered");
        }
    }

    /// The delivery as it is afterwards.
    async fn change_delivery(
        &self,
        delivery: Delivery,
        signal: DeliverySignal,
    ) -> Result<Delivery> {
        let Ok(after) = transition(&delivery, signal, self.context.now()) else {
            return Ok(delivery);
        };
        match self.context.deliveries().update(&after, None).await {
            // It is being sent, or somebody else cancels it.
            Err(error) if error.is(Reason::VersionMoved) => Ok(delivery),
            written => written.map(|()| after),
        }
    }
}
