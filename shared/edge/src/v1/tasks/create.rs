//! Creating a task.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use fluxgate_core::Error;
use fluxgate_core::app::SubmitRequest;
use fluxgate_core::id::ModelId;
use fluxgate_core::labels::Labels;
use fluxgate_core::tenant::Scope;
use fluxgate_core::webhook::CallbackUrl;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::TaskView;
use super::waited;
use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::metadata::metadata;
use crate::query::Query;
use crate::state::Edge;
use crate::submission::{self, PRICE, advised, key};
use crate::trace::trace;
use crate::waiting::Waiting;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTask {
    /// A model's path, like `wavespeed-ai/flux-kontext-max`.
    #[schema(example = "wavespeed-ai/flux-kontext-max")]
    #[schema(pattern = "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){1,3}$")]
    model: String,
    /// The model's inputs, as `/api/v3/models` declares them.
    #[schema(value_type = Object)]
    input: Map<String, Value>,
    /// Short texts by name, given back with the task and in its events, and never sent to the
    /// model's provider: at most 16 names, 512 bytes in all.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Where to POST the bare prediction when the task ends, signed in the provider's `v3` dialect.
    /// Endpoints receive its events besides.
    #[schema(format = "uri")]
    callback_url: Option<String>,
}

/// Create a task
///
/// The run starts at once. An `Idempotency-Key` makes it safe to repeat: the same key and body
/// return the same task, with at most one paid run.
#[utoipa::path(
    post, path = "/v1/tasks", tag = "tasks", operation_id = "create_task",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters, remembered for 7 days"),
        ("Prefer" = Option<String>, Header, description = "wait=30: answered when the task has ended, or after 30 s"),
        ("traceparent" = Option<String>, Header, description = "W3C Trace Context: the trace that the run, its calls and its callbacks belong to; one that cannot be read is ignored")),
    request_body = NewTask,
    responses(
        (status = 201, description = "the new task", body = TaskView, headers(
            ("Location" = String, description = "where to read it"),
            ("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))),
        (status = 400, description = "an input is missing or out of range, or an address is forbidden"),
        (status = 402, description = "not enough balance; nothing was sent"),
        (status = 403, description = "a model that this account may not use, a suspended tenant, or a token without the scope"),
        (status = 404, description = "no such model"),
        (status = 422, description = "the Idempotency-Key was used for another request"),
        (status = 429, description = "more requests or running tasks than the tenant's limits allow")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn create(
    waiting: Waiting,
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    query: Query,
    headers: HeaderMap,
    body: RawBody,
) -> Result<(StatusCode, [(HeaderName, String); 2], Json<TaskView>), Problem> {
    principal.require(Scope::Submit)?;
    query.only(&[])?;
    let (new, counted): (NewTask, _) = body.counted_json().await.map_err(advised)?;
    let model = ModelId::parse(&new.model).map_err(|error| error.field("model"))?;
    let callback = new.callback_url.as_deref().map(CallbackUrl::parse_new);
    let request = SubmitRequest {
        tenant: principal.tenant.clone(),
        model,
        inputs: new.input,
        callback: callback
            .transpose()
            .map_err(|error| error.field("callback_url"))?,
        metadata: labels(new.metadata, &headers)?,
        key: key(&headers)?,
        by: principal.key.clone(),
        trace: trace(&headers),
    };
    let task = Box::pin(submission::submit(&edge, request, counted)).await?;
    // They are parts of the buffer that the request was read into.
    drop(headers);
    let task = waited(&edge, &principal, task, &waiting).await?;
    let told = [
        (LOCATION, format!("/v1/tasks/{}", task.id)),
        (PRICE, task.price.decimal()),
    ];
    Ok((
        StatusCode::CREATED,
        told,
        Json(Box::pin(TaskView::of(&edge, &task)).await?),
    ))
}

/// In the body, or in the header that the provider's clients need.
fn labels(body: BTreeMap<String, String>, headers: &HeaderMap) -> Result<Labels, Error> {
    let (body, header) = (Labels::new(body)?, metadata(headers)?);
    if !body.is_empty() && !header.is_empty() && body != header {
        let text = "'metadata' and the header Fluxgate-Metadata differ; give one of them";
        return Err(Error::invalid("invalid_metadata", text).field("metadata"));
    }
    Ok(if body.is_empty() { header } else { body })
}
