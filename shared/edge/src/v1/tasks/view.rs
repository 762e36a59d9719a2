//! A task in Fluxgate's own format.

use fluxgate_core::Result;
use fluxgate_core::labels::Labels;
use fluxgate_core::provider::{ObjectView, Prediction, UnarchivedView};
use fluxgate_core::task::Task;
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::Edge;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskView {
    id: String,
    model: String,
    /// `admitted`, `submitting`, `submitted`, `unknown`, `archiving`, or an end: `completed`,
    /// `failed`, `cancelled`, `timeout`.
    state: &'static str,
    created_at: String,
    /// The task that it runs again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_of: Option<String>,
    /// The API key that it was submitted with; none for a token of another issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// In the order in which the model made them; empty until completed.
    pub(in crate::v1) outputs: Vec<OutputView>,
    /// For a task that did not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::v1) error: Option<FailureView>,
    /// For a completed task: whether all of its outputs are in the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    archived: Option<bool>,
    /// Why some are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    unarchived: Option<UnarchivedView>,
    /// Held while the task runs, and charged at most.
    price_usd: f64,
    /// What the run cost; present once completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::v1) charged_usd: Option<f64>,
    /// What of it was given back; absent without a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    refunded_usd: Option<f64>,
    metadata: Labels,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutputView {
    /// Can be downloaded without credentials, for seven days.
    url: String,
    #[serde(flatten)]
    object: ObjectView,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureView {
    /// Stable and machine-readable.
    pub(in crate::v1) code: String,
    pub(in crate::v1) message: String,
    /// 1xxx, fix the input; 5xxx, may be retried.
    number: Option<u32>,
}

impl TaskView {
    pub(in crate::v1) async fn of(edge: &Edge, task: &Task) -> Result<Self> {
        let prediction = edge.gateway.view(task).await?;
        let error = failure(&prediction);
        let outputs = prediction.outputs.into_iter().zip(prediction.objects);
        Ok(Self {
            id: prediction.id,
            model: prediction.model,
            state: task.state.as_str(),
            created_at: prediction.created_at,
            retry_of: task.retry_of.as_ref().map(ToString::to_string),
            key: task.key.as_ref().map(ToString::to_string),
            outputs: outputs
                .map(|(url, object)| OutputView { url, object })
                .collect(),
            error,
            archived: prediction.archived,
            unarchived: prediction.unarchived,
            price_usd: task.price.usd(),
            charged_usd: prediction.charged_usd,
            refunded_usd: prediction.refunded_usd,
            metadata: prediction.metadata,
        })
    }
}

fn failure(prediction: &Prediction) -> Option<FailureView> {
    Some(FailureView {
        code: prediction.reason.clone()?,
        message: prediction.error.clone(),
        number: prediction.code,
    })
}
