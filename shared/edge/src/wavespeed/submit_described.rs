//! What the document says of a submit, by whichever path.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// The inputs of the model, as `/api/v3/models` declares them, and these fields beside them.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "prompt": "make the sky pink", "image": "https://example.com/photo.jpg", "guidance_scale": 3.5
}))]
pub(super) struct ModelInputs {
    /// Answer when the run has ended, or after the installation's longest wait.
    enable_sync_mode: Option<bool>,
    /// Answer with the outputs themselves as base64, within a bound.
    enable_base64_output: Option<bool>,
    /// As the parameter `webhook`.
    #[schema(format = "uri")]
    webhook_url: Option<String>,
    #[serde(flatten)]
    inputs: BTreeMap<String, Value>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described here")]
pub(super) struct SubmitHeaders {
    /// Printable characters, remembered for 7 days: the same key and body are the same run.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$"
    )]
    idempotency_key: Option<String>,
    /// `wait=30`: answered when the task has ended, or after 30 s.
    #[param(rename = "Prefer", example = "wait=30")]
    prefer: Option<String>,
    /// W3C Trace Context: the trace that the run, its calls and its callbacks belong to; one that
    /// cannot be read is ignored.
    traceparent: Option<String>,
    /// Passed on with it, up to 512 bytes.
    tracestate: Option<String>,
    /// A JSON object of texts that the task keeps for you, such as `{"order":"42"}`.
    #[param(
        rename = "Fluxgate-Metadata",
        pattern = "^\\{.*\\}$",
        example = "{\"order\":\"42\"}"
    )]
    metadata: Option<String>,
}

#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described here")]
pub(super) enum SubmitRefusals {
    #[response(
        status = 400,
        description = "an input is missing or out of range, or an address is forbidden"
    )]
    Invalid,
    #[response(
        status = 402,
        description = "not enough balance or budget; nothing was sent"
    )]
    InsufficientFunds,
    #[response(
        status = 403,
        description = "a model that this account may not use, a suspended tenant, or a token without the scope"
    )]
    Forbidden,
    #[response(status = 404, description = "no such model")]
    UnknownModel,
    #[response(
        status = 410,
        description = "`task_deleted`: the key stands for a task that was deleted"
    )]
    Deleted,
    #[response(
        status = 422,
        description = "the Idempotency-Key was used for another request"
    )]
    KeyReused,
    #[response(
        status = 429,
        description = "more requests or running tasks than the tenant's limits allow"
    )]
    Busy,
}
