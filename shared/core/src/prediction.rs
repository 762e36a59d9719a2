//! A task in the vendor's words: what tenants read and what callbacks carry.

use serde::Serialize;

use crate::task::{Output, State, Task};

/// The vendor's prediction object with Fluxgate's own additions at the end, which vendor clients ignore.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Prediction {
    pub id: String,
    pub model: String,
    /// URLs that download without further credentials; empty until completed.
    pub outputs: Vec<String>,
    pub urls: PredictionUrls,
    pub has_nsfw_contents: Vec<bool>,
    /// `created`, `processing`, `completed`, `failed`, `cancelled` or `timeout`.
    pub status: &'static str,
    pub created_at: String,
    /// Empty unless the task failed.
    pub error: String,
    /// The vendor's failure number: 1xxx, fix the input; 5xxx, may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
    pub timings: Timings,
    /// The stable machine code of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The outputs as objects in the tenant's bucket.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectView>,
    /// What the run cost, in USD, once completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged_usd: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PredictionUrls {
    /// Where to read the result.
    pub get: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Timings {
    /// Milliseconds in the model.
    pub inference: u64,
}

/// One output where the tenant keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ObjectView {
    pub s3_uri: String,
    /// Lower-case hex.
    pub sha256: String,
    pub bytes: u64,
    pub content_type: String,
}

impl Prediction {
    /// `links` stand for the task's outputs, in order; `base_url` is where tenants reach this gateway.
    pub fn of(task: &Task, links: Vec<String>, base_url: &str) -> Self {
        let failure = task.failure.as_ref();
        Self {
            id: task.id.to_string(),
            model: task.model.to_string(),
            outputs: links,
            urls: PredictionUrls { get: format!("{base_url}/api/v3/predictions/{}/result", task.id) },
            has_nsfw_contents: task.nsfw.clone(),
            status: task.state.status(),
            created_at: task.created_at.rfc3339(),
            error: failure.map(|failure| failure.message.clone()).unwrap_or_default(),
            code: failure.map(|failure| failure.code),
            timings: Timings { inference: task.inference_ms.unwrap_or(0) },
            reason: failure.map(|failure| failure.reason.clone()),
            objects: task.outputs.iter().map(ObjectView::of).collect(),
            charged_usd: (task.state == State::Completed).then(|| task.charged.usd()),
        }
    }
}

impl ObjectView {
    fn of(output: &Output) -> Self {
        Self {
            s3_uri: output.s3_uri(),
            sha256: output.sha256.clone(),
            bytes: output.bytes,
            content_type: output.content_type.clone(),
        }
    }
}
