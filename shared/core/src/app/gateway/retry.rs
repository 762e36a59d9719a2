//! Runs a task again that ended without completing.

use serde_json::Value;

use super::submit::{Origin, SubmitRequest};
use super::{Gateway, inline};
use crate::app::media::parse_inputs;
use crate::base::digest::{RunningSha256, Sha256};
use crate::base::error::{Error, Kind, Result, Retry};
use crate::base::id::{IdempotencyKey, KeyId, TaskId, TenantId};
use crate::base::trace_context::TraceContext;
use crate::domain::task::{State, Task};

/// A tenant's request to run a task again.
#[derive(Debug)]
pub struct RetryRequest {
    pub tenant: TenantId,
    pub task: TaskId,
    pub key: Option<IdempotencyKey>,
    /// The API key that the request bears.
    pub by: Option<KeyId>,
    /// The client's trace, if it sent one. The caller names it in its span.
    pub trace: Option<TraceContext>,
}

impl Gateway {
    /// Submits a new task with the model, inputs, callback and metadata of one that failed, timed
    /// out or was cancelled, at today's price.
    ///
    /// Kind `NotFound` for foreign, unknown and deleted ids alike; kind `Conflict` with code
    /// `task_completed`, with `task_running`, and with `inputs_gone` for a task whose inputs were
    /// too large to keep or have expired. Otherwise it fails as [`Self::submit`] does.
    pub async fn retry(&self, request: RetryRequest) -> Result<Task> {
        let RetryRequest {
            tenant,
            task,
            key,
            by,
            trace,
        } = request;
        let first = self.task(&tenant, &task).await?;
        refuse(first.state)?;
        let idempotency = self.submits.idempotency(key.as_ref(), || digest(&first.id));
        if let Some(known) = self.submits.known(&tenant, idempotency.as_ref()).await? {
            return Ok(known);
        }
        let inputs = self.context.kept_inputs(&first).await?;
        // Gone inputs are empty.
        let mut inputs = match parse_inputs(&inputs) {
            Value::Object(inputs) if !inputs.is_empty() => inputs,
            _ => return Err(inputs_gone()),
        };
        let callback = self.context.kept_callback(&first).await?;
        if first.inline_outputs {
            inline::put_flag(&mut inputs);
        }
        let request = SubmitRequest {
            tenant,
            model: first.model,
            inputs,
            callback,
            metadata: first.metadata,
            key,
            by,
            trace,
        };
        let origin = Origin {
            idempotency,
            retry_of: Some(first.id),
            places: |in_flight_max| in_flight_max,
        };
        self.submits.submit_new(request, origin).await
    }
}

fn refuse(state: State) -> Result<()> {
    let refused = |code, text| Err(Error::new(Kind::Conflict, code, text).retry(Retry::Never));
    match state {
        State::Completed => refused(
            "task_completed",
            "the task completed; submit its inputs again for another run",
        ),
        state if !state.is_end() => refused(
            "task_running",
            "the task has not ended; wait for its end, or cancel it while it waits",
        ),
        _ => Ok(()),
    }
}

fn inputs_gone() -> Error {
    let text = "the task's inputs are no longer kept: inputs over 64 KiB go with a failed task's end, others after 7 days, or sooner if the tenant's own retention says so; submit them again";
    Error::new(Kind::Conflict, "inputs_gone", text).retry(Retry::Never)
}

/// Two retries are equal if they are of one task, whatever is left of its inputs.
fn digest(of: &TaskId) -> Sha256 {
    let mut running = RunningSha256::default();
    running.update(b"retry;");
    running.update(of.as_str().as_bytes());
    running.finish()
}
