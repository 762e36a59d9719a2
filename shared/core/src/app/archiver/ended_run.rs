//! Runs whose end is not written yet: the job alone knows of it. If all outputs are copied, one
//! change completes the task; whatever else becomes of them, the end is written first, and a job
//! goes on from there.

use super::Archiver;
use super::together::Copying;
use crate::app::traced::follow;
use crate::base::error::{Fault, Reason, Result};
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::{Copied, EndedRun, Output, Signal, State, Task};
use crate::domain::tenant::Archiving;

impl Archiver {
    pub(super) async fn archive_run(
        &self,
        (tenant, id): (&TenantId, &TaskId),
        ended: &EndedRun,
        copying: Option<Copying<'_>>,
    ) -> Result<()> {
        let Some((task, supposed)) = self.still_running(tenant, id, ended).await? else {
            return Ok(());
        };
        follow(&task);
        let record = self.context.tenants().get_eventual(tenant).await?;
        let to = &record.destination;
        let too_many = supposed.outputs_made() > self.context.bounds.outputs_max;
        if to.archive == Archiving::Off || too_many {
            return self.write_end(task, ended).await.map(drop);
        }
        let (copies, refusals) = self.copy_missing(&supposed, to).await;
        let made: Vec<Output> = copies.iter().map(|copy| copy.output.clone()).collect();
        let task = if refusals.is_empty() {
            let signal = Signal::RunArchived {
                ended: Box::new(ended.clone()),
                outputs: made.clone(),
            };
            let signals = self.together.signal(&self.machine, copying, (task, signal));
            signals.await?
        } else {
            drop(copying);
            let task = self.write_end(task, ended).await?;
            let task = self.note_copies(task, copies).await?;
            // The job that the end has sent is the next try.
            if task.state == State::Archiving
                && let Err(error) = self.refused(task.clone(), refusals).await
                && error.fault != Fault::Tenant
                && !error.is(Reason::NoRoom)
            {
                let error = error.with_causes();
                tracing::warn!(task.id = %id, tenant.id = %tenant, error, "outputs were not copied; they will be tried again");
            }
            task
        };
        if !to.has_conditional_put() {
            self.remove_unnamed(&task, to, made).await;
        }
        Ok(())
    }

    /// The task, and as it would be archiving. Falls back to a consistent read: a stale one may not
    /// know the run yet.
    async fn still_running(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        ended: &EndedRun,
    ) -> Result<Option<(Task, Task)>> {
        let mut task = self.context.tasks().get_eventual(tenant, id).await?;
        if !ended.may_stay_unwritten(&task) && !task.state.is_end() {
            task = self.context.tasks().get(tenant, id).await?;
        }
        Ok(ended.supposed(&task).map(|supposed| (task, supposed)))
    }

    async fn write_end(&self, task: Task, ended: &EndedRun) -> Result<Task> {
        let signal = Signal::Finished(ended.finished.clone());
        Ok(self.machine.signal(task, signal).await?.task())
    }

    async fn note_copies(&self, task: Task, copies: Vec<Copied>) -> Result<Task> {
        if copies.is_empty() {
            return Ok(task);
        }
        let signal = Signal::Copied { copies };
        Ok(self.machine.signal(task, signal).await?.task())
    }
}
