//! A task in the provider's format: what tenants read and callbacks carry.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::labels::Labels;
use crate::base::time::Timestamp;
use crate::domain::task::{Produced, State, Task};

/// The provider's prediction object, plus Fluxgate's own fields at the end, which provider clients
/// ignore.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Prediction {
    pub id: String,
    pub model: String,
    /// URLs that can be downloaded without credentials; empty until completed. In the answer with
    /// one prediction that was submitted with `enable_base64_output`, and within a bound, the
    /// outputs themselves as base64.
    pub outputs: Vec<String>,
    pub urls: PredictionUrls,
    pub has_nsfw_contents: Vec<bool>,
    /// `created`, `processing`, `completed`, `failed`, `cancelled` or `timeout`.
    pub status: &'static str,
    pub created_at: String,
    /// Empty unless the task failed.
    pub error: String,
    /// The provider's failure number: 1xxx, fix the input; 5xxx, may be retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    pub timings: Timings,
    /// Milliseconds that the run took, once it has ended and if the provider said so.
    #[serde(rename = "executionTime", skip_serializing_if = "Option::is_none")]
    pub execution_time: Option<u64>,
    /// What the run was asked for, with the model's defaults; in the answer to a submit, and in a
    /// list that includes inputs. Embedded files are not repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub input: Option<Map<String, Value>>,
    /// Why a list that includes inputs has none here: `no_longer_kept`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_absent: Option<&'static str>,
    /// Stable machine-readable code of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The outputs as objects in the tenant's bucket, in the same order as `outputs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectView>,
    /// For a completed task: whether all of its outputs are in the tenant's bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Why some are not, and how long they remain available from the model's provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unarchived: Option<UnarchivedView>,
    /// What the run cost, in USD; present once completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged_usd: Option<f64>,
    /// What of it was given back, in USD; absent without a refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_usd: Option<f64>,
    /// What was attached at submit by the header `Fluxgate-Metadata`.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub metadata: Labels,
    /// Whether the answer with this one prediction is to carry the outputs.
    #[serde(skip)]
    pub inline_outputs: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PredictionUrls {
    /// URL of the result.
    pub get: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Timings {
    /// Milliseconds of inference.
    pub inference: u64,
}

/// One output in the tenant's bucket, or still missing from it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ObjectView {
    /// False for an output that is not in the bucket: it has a link in `outputs` until it expires,
    /// and no other fields here.
    pub archived: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_uri: Option<String>,
    /// Lower-case hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How long the model's provider keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// Why charged outputs are not in the bucket.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct UnarchivedView {
    /// Stable, machine-readable, such as `bucket_denied` or `role_denied`.
    pub reason: String,
    /// What to fix before calling `POST /v1/tasks/{id}/archive`.
    pub message: String,
    /// Until when the links in `outputs` work and another copy can be requested.
    pub expires_at: String,
}

impl Prediction {
    /// `links` are the URLs of the task's outputs, in order; `base_url` is where tenants reach this
    /// gateway.
    pub fn of(task: &Task, links: Vec<String>, base_url: &str) -> Self {
        let failure = task.failure.as_ref();
        let expires_at = task
            .unarchived
            .as_ref()
            .map(|unarchived| unarchived.expires_at);
        Self {
            id: task.id.to_string(),
            model: task.model.to_string(),
            outputs: links,
            urls: PredictionUrls {
                get: Self::link_of(task, base_url),
            },
            has_nsfw_contents: task.nsfw.clone(),
            status: task.state.status(),
            created_at: task.created_at.rfc3339(),
            error: failure
                .map(|failure| failure.message.clone())
                .unwrap_or_default(),
            code: failure.map(|failure| failure.code),
            timings: Timings {
                inference: task.inference_ms.unwrap_or(0),
            },
            execution_time: task.inference_ms,
            input: None,
            input_absent: None,
            reason: failure.map(|failure| failure.reason.clone()),
            objects: task
                .produced()
                .map(|produced| ObjectView::of(produced, expires_at))
                .collect(),
            archived: (task.state == State::Completed).then(|| task.links().is_empty()),
            unarchived: UnarchivedView::of(task),
            charged_usd: (task.state == State::Completed).then(|| task.charged.usd()),
            refunded_usd: task.refund.as_ref().map(|refund| refund.amount.usd()),
            metadata: task.metadata.clone(),
            inline_outputs: task.inline_outputs,
        }
    }
}

impl Prediction {
    /// As the answer to a submit, which calls a task that has not ended `created`.
    #[must_use]
    pub fn as_submitted(self, task: &Task) -> Self {
        if task.state.is_end() {
            return self;
        }
        Self {
            status: State::Admitted.status(),
            ..self
        }
    }

    /// Where its tenant reads it.
    pub fn link_of(task: &Task, base_url: &str) -> String {
        format!("{base_url}/api/v3/predictions/{}/result", task.id)
    }
}

impl ObjectView {
    fn of(produced: Produced<'_>, expires_at: Option<Timestamp>) -> Self {
        let output = match produced {
            Produced::Archived(output) => output,
            Produced::AtProvider(_) => {
                return Self {
                    expires_at: expires_at.map(Timestamp::rfc3339),
                    ..Self::default()
                };
            }
        };
        Self {
            archived: true,
            s3_uri: Some(output.s3_uri()),
            sha256: Some(output.sha256.clone()),
            bytes: Some(output.bytes),
            content_type: Some(output.content_type.clone()),
            expires_at: None,
        }
    }
}

impl UnarchivedView {
    /// `None` once all outputs are in the bucket.
    pub fn of(task: &Task) -> Option<Self> {
        let unarchived = task
            .unarchived
            .as_ref()
            .filter(|unarchived| !unarchived.links.is_empty())?;
        Some(Self {
            reason: unarchived.reason.clone(),
            message: unarchived.message.clone(),
            expires_at: unarchived.expires_at.rfc3339(),
        })
    }
}
