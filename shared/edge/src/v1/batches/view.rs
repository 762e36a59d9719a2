//! A batch, and one of its lines, as tenants see them.

use fluxgate_core::Result;
use fluxgate_core::batch::{Batch, BatchLine, LineResult};
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::Edge;
use crate::v1::tasks::{OutputView, TaskView};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchView {
    /// 32 hex characters; ids sort by time.
    id: String,
    /// `admitting` while lines are to become tasks, `running` while tasks are to end, then
    /// `completed`; or `cancelled`.
    state: &'static str,
    lines: u32,
    /// Lines that became tasks.
    admitted: u32,
    /// Lines that are no task: the results say why.
    refused: u32,
    /// Tasks that completed.
    completed: u32,
    /// Tasks that ended in any other way.
    failed: u32,
    /// Why the next line is not admitted yet: the code of the refusal that a submit would get, such
    /// as `insufficient_funds` or `too_many_tasks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<String>,
    created_at: String,
    /// The batch and its results are gone then; its tasks stay.
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<String>,
    /// When everything of it had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
}

impl BatchView {
    pub(crate) fn of(batch: &Batch) -> Self {
        let waiting = batch.waiting.as_ref();
        Self {
            id: batch.id.to_string(),
            state: batch.state().as_str(),
            lines: batch.lines,
            admitted: batch.admitted,
            refused: batch.refused,
            completed: batch.completed,
            failed: batch.failed,
            waiting_for: waiting.map(|waiting| waiting.code.clone()),
            waiting_since: waiting.map(|waiting| waiting.since.rfc3339()),
            created_at: batch.created_at.rfc3339(),
            expires_at: batch.kept_until.rfc3339(),
            cancelled_at: batch.cancelled_at.map(Timestamp::rfc3339),
            ended_at: batch.ended_at.map(Timestamp::rfc3339),
        }
    }
}

/// What became of one line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResultView {
    /// Its number in the request, from 1.
    line: u32,
    /// As the line said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// `waiting`, `refused`, or the state of its task; `deleted` once its task was deleted, and
    /// `cancelled` if the batch was cancelled before the line was admitted.
    state: &'static str,
    /// The task's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    /// In the order in which the model made them; empty until the task completed.
    outputs: Vec<OutputView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charged_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<LineErrorView>,
}

/// Why the line was refused, or its task did not complete.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineErrorView {
    /// Stable and machine-readable.
    code: String,
    message: String,
    /// The field at fault, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl BatchResultView {
    pub(super) async fn of(
        edge: &Edge,
        batch: &Batch,
        line: BatchLine,
        task: Option<&Task>,
    ) -> Result<Self> {
        let mut view = Self {
            line: line.line,
            reference: line.reference,
            state: "waiting",
            task: line.result.task().map(ToString::to_string),
            outputs: Vec::new(),
            charged_usd: None,
            error: None,
        };
        match line.result {
            LineResult::Waiting if batch.cancelled_at.is_some() => view.state = "cancelled",
            LineResult::Waiting => {}
            LineResult::Refused {
                code,
                message,
                field,
            } => {
                view.state = "refused";
                view.error = Some(LineErrorView {
                    code,
                    message,
                    field,
                });
            }
            LineResult::Admitted { .. } | LineResult::Ended { .. } => {
                view.show(edge, task).await?;
            }
        }
        Ok(view)
    }

    /// A task may be gone, where its tenant's records were restored from a backup.
    async fn show(&mut self, edge: &Edge, task: Option<&Task>) -> Result<()> {
        let Some(task) = task else {
            self.state = "failed";
            return Ok(());
        };
        let shown = TaskView::of(edge, task).await?;
        self.state = match task.deleted {
            Some(_) => "deleted",
            None => task.state.as_str(),
        };
        self.charged_usd = shown.charged_usd;
        self.outputs = shown.outputs;
        self.error = shown.error.map(|error| LineErrorView {
            code: error.code,
            message: error.message,
            field: None,
        });
        Ok(())
    }
}
