//! The operator cancels a task, ends one that is stuck, has its outputs copied again, or has its
//! events sent again.

use serde_json::json;
use tracing::Instrument as _;

use super::OperatorTasks;
use crate::app::machine::ended;
use crate::app::traced::task_span;
use crate::base::error::{Error, Kind, Result, Retry};
use crate::base::id::{DeliveryId, TaskId, TenantId};
use crate::domain::task::{Job, Rejected, Signal, State, Task, transition};
use crate::domain::tenant::Actor;
use crate::domain::webhook::DeliveryState;

/// Maximum length of the reason for ending a task.
const REASON_CHARS_MAX: usize = 500;

/// What the operator does about a task, as the audit log names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskAction {
    Cancel,
    Fail,
    Archive,
    Deliver,
}

impl TaskAction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Fail => "fail",
            Self::Archive => "archive",
            Self::Deliver => "deliver",
        }
    }
}

/// What became of one delivery that was to be sent again.
#[derive(Debug)]
pub struct Delivered {
    pub id: DeliveryId,
    /// Its state now, or why it is not sent.
    pub outcome: Result<DeliveryState>,
}

impl OperatorTasks {
    /// Cancels a task that waits, as its tenant may.
    ///
    /// Kind `NotFound`; kind `Conflict` with code `task_sent` or `task_ended`.
    pub async fn cancel(&self, tenant: &TenantId, id: &TaskId, actor: &Actor) -> Result<Task> {
        let task = self.context.tasks().get(tenant, id).await?;
        if let Ok(change) = transition(&task, Signal::Cancel, self.context.now())
            && !change.is_duplicate()
        {
            let end = Some(change.task.state);
            self.record(&task, TaskAction::Cancel, end, None, actor)
                .await?;
        }
        self.machine.cancel(task).await
    }

    /// Ends a task that is stuck, whatever it waits for, and releases its hold. If its run is
    /// proven later, it is an orphan: it is in the task's timeline and in the reconcile report.
    /// The tenant reads the reason.
    ///
    /// Kind `NotFound`; kind `Invalid` for a reason that cannot be; kind `Conflict` with code
    /// `task_ended`, with code `task_submitting` while it is being sent, and with code
    /// `version_conflict` if it moved on at the same moment.
    pub async fn fail(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        reason: &str,
        actor: &Actor,
    ) -> Result<Task> {
        let reason = checked(reason)?;
        let task = self.context.tasks().get(tenant, id).await?;
        let signal = Signal::FailedByOperator {
            reason: reason.to_owned(),
        };
        transition(&task, signal.clone(), self.context.now())
            .map_err(|rejected| not_now(&rejected))?;
        let end = Some(State::Failed);
        self.record(&task, TaskAction::Fail, end, Some(reason), actor)
            .await?;
        let (span, version) = (task_span(&task), task.version);
        let after = self.machine.signal(task, signal).instrument(span).await?;
        let after = after.task();
        match after.state {
            State::Failed if after.version == version + 1 => Ok(after),
            _ => {
                let text = "the task moved on meanwhile; read it again";
                Err(Error::new(Kind::Conflict, "version_conflict", text))
            }
        }
    }

    /// Has the missing outputs of a task copied again. For one that is being archived, its copy is
    /// tried again at once.
    ///
    /// Kind `NotFound`; kind `Conflict` with code `nothing_to_archive`; kind `Gone` with code
    /// `outputs_expired`.
    pub async fn archive(&self, tenant: &TenantId, id: &TaskId, actor: &Actor) -> Result<Task> {
        let task = self.context.tasks().get(tenant, id).await?;
        self.record(&task, TaskAction::Archive, None, None, actor)
            .await?;
        if task.state != State::Archiving {
            return self.machine.copy_again(task).await;
        }
        let job = Job::Archive {
            tenant: tenant.clone(),
            task: id.clone(),
        };
        self.jobs.send_at_once(std::iter::once(job)).await?;
        Ok(task)
    }

    /// Has the events of a task sent again, each to where it was to go; those of an end that was
    /// not announced are announced first.
    ///
    /// Kind `NotFound`; kind `Conflict` with code `nothing_to_deliver`.
    pub async fn deliver(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        actor: &Actor,
    ) -> Result<Vec<Delivered>> {
        let task = self.context.tasks().get(tenant, id).await?;
        self.record(&task, TaskAction::Deliver, None, None, actor)
            .await?;
        let was_told = !task.untold;
        let task = if was_told {
            task
        } else {
            self.machine.tell(task).await?
        };
        let deliveries = self.context.deliveries().of_task(&task).await?;
        if deliveries.is_empty() {
            let text = "nobody was to be told of this task: it has no callback, and no endpoint subscribes to its events";
            return Err(Error::new(Kind::Conflict, "nothing_to_deliver", text).retry(Retry::Never));
        }
        let mut sent = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let outcome = if was_told {
                let replayed = self.deliveries.replay(tenant, &delivery.id).await;
                replayed.map(|replayed| replayed.state)
            } else {
                Ok(delivery.state)
            };
            let id = delivery.id;
            sent.push(Delivered { id, outcome });
        }
        Ok(sent)
    }

    /// Recorded first, so that nothing is done without a record.
    async fn record(
        &self,
        task: &Task,
        action: TaskAction,
        end: Option<State>,
        reason: Option<&str>,
        actor: &Actor,
    ) -> Result<()> {
        let mut detail = json!({ "task": task.id, "by": action.as_str() });
        if let Some(reason) = reason {
            detail["reason"] = reason.into();
        }
        if let Some(end) = end {
            detail["before"] = json!({ "state": task.state });
            detail["after"] = json!({ "state": end });
        }
        self.operator.record_task(&task.tenant, detail, actor).await
    }
}

fn checked(reason: &str) -> Result<&str> {
    let reason = reason.trim();
    let is_line = !reason.chars().any(char::is_control);
    if !reason.is_empty() && is_line && reason.chars().count() <= REASON_CHARS_MAX {
        return Ok(reason);
    }
    let text = format!(
        "say why the task is ended, in one line of at most {REASON_CHARS_MAX} characters; the tenant reads it"
    );
    Err(Error::invalid("invalid_reason", text).field("reason"))
}

fn not_now(rejected: &Rejected) -> Error {
    if rejected.state.is_end() {
        return ended(rejected.state);
    }
    let text = "the task is being sent to the provider; within a minute that is over or in doubt, so try again then";
    Error::new(Kind::Conflict, "task_submitting", text)
}
