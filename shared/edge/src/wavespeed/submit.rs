//! Submit: the model is in the path, its inputs are in the body.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use fluxgate_core::app::SubmitRequest;
use fluxgate_core::id::ModelId;
use fluxgate_core::provider::Prediction;
use fluxgate_core::tenant::{Principal, Scope};
use fluxgate_core::webhook::CallbackUrl;
use fluxgate_core::{Error, Kind, Result, echo};
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::envelope::Envelope;
use super::inline::Answered;
use super::sync_mode;
use crate::bearer::WaveSpeedBearer;
use crate::body::RawBody;
use crate::error_reply::WaveSpeedError;
use crate::metadata::metadata;
use crate::path::Path;
use crate::query::Query;
use crate::state::Edge;
use crate::submission::{self, BESIDE_BYTES, PRICE, advised, key};
use crate::trace::trace;
use crate::waiting::{self, Waiting};

use super::submit_described::{ModelInputs, SubmitHeaders, SubmitRefusals};

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubmitQuery {
    /// Where to POST the bare prediction when it ends, signed in the provider's `v3` dialect with
    /// your own webhook secret.
    #[param(format = "uri", example = "https://app.example.com/hooks/fluxgate")]
    webhook: Option<String>,
}

impl SubmitQuery {
    /// Refuses other parameters: one of them may be `webhook` misspelt, or an input.
    fn of(query: &Query) -> Result<Self> {
        query.only(&["webhook"])?;
        Ok(Self {
            webhook: query.text("webhook")?.map(str::to_owned),
        })
    }
}

/// A header with the fixed price, in USD, precedes the prediction, whose format has no field for
/// it.
pub(super) type Answer = std::result::Result<([(HeaderName, String); 1], Answered), WaveSpeedError>;

/// Run a model
///
/// The body contains the model's inputs, as declared by `/api/v3/models`. The answer is 200 with
/// the new prediction. An `Idempotency-Key` makes it safe to repeat: the same key and body return
/// the same prediction, with at most one paid run.
#[utoipa::path(
    post, path = "/api/v3/{owner}/{model}", tag = "predictions", operation_id = "submit",
    params(("owner" = String, Path), ("model" = String, Path), SubmitQuery,
        SubmitHeaders),
    request_body(content = ModelInputs, description = "the model's inputs"),
    responses(
        (status = 200, description = "the new prediction; in sync mode, the ended one", body = Envelope<Prediction>, headers(("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))),
        SubmitRefusals),
    security(("tenant_jwt" = [])))]
pub(crate) async fn submit_two_segments(
    call: SubmitCall,
    Path((owner, model)): Path<(String, String)>,
    body: RawBody,
) -> Answer {
    submit(call, &[owner, model], body).await
}

/// Run a variant of a model
#[utoipa::path(
    post, path = "/api/v3/{owner}/{model}/{variant}", tag = "predictions", operation_id = "submit_variant",
    params(("owner" = String, Path), ("model" = String, Path), ("variant" = String, Path), SubmitQuery, SubmitHeaders),
    request_body(content = ModelInputs, description = "the model's inputs"),
    responses((status = 200, description = "the new prediction; in sync mode, the ended one", body = Envelope<Prediction>,
        headers(("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))), SubmitRefusals),
    security(("tenant_jwt" = [])))]
pub(crate) async fn submit_three_segments(
    call: SubmitCall,
    Path((owner, model, variant)): Path<(String, String, String)>,
    body: RawBody,
) -> Answer {
    submit(call, &[owner, model, variant], body).await
}

/// Run a version of a model's variant
#[utoipa::path(
    post, path = "/api/v3/{owner}/{model}/{variant}/{version}", tag = "predictions", operation_id = "submit_version",
    params(("owner" = String, Path), ("model" = String, Path), ("variant" = String, Path), ("version" = String, Path), SubmitQuery, SubmitHeaders),
    request_body(content = ModelInputs, description = "the model's inputs"),
    responses((status = 200, description = "the new prediction; in sync mode, the ended one", body = Envelope<Prediction>,
        headers(("Fluxgate-Price-Usd" = String, description = "the price of the run if all outputs are produced"))), SubmitRefusals),
    security(("tenant_jwt" = [])))]
pub(crate) async fn submit_four_segments(
    call: SubmitCall,
    Path((owner, model, variant, version)): Path<(String, String, String, String)>,
    body: RawBody,
) -> Answer {
    submit(call, &[owner, model, variant, version], body).await
}

/// Everything of a submit but its path and body, in the order in which it is read: a wait begins
/// when the request arrives, and strangers are refused first.
pub(crate) struct SubmitCall {
    edge: Edge,
    waiting: Waiting,
    principal: Principal,
    path: String,
    query: Query,
    headers: HeaderMap,
}

impl FromRequestParts<Edge> for SubmitCall {
    type Rejection = WaveSpeedError;

    async fn from_request_parts(
        parts: &mut Parts,
        edge: &Edge,
    ) -> std::result::Result<Self, WaveSpeedError> {
        let Ok(waiting) = Waiting::from_request_parts(parts, edge).await;
        let WaveSpeedBearer(principal) = WaveSpeedBearer::from_request_parts(parts, edge).await?;
        let Ok(query) = Query::from_request_parts(parts, edge).await;
        Ok(Self {
            edge: edge.clone(),
            waiting,
            principal,
            path: parts.uri.path().to_owned(),
            query,
            headers: parts.headers.clone(),
        })
    }
}

pub(super) async fn submit(call: SubmitCall, segments: &[String], body: RawBody) -> Answer {
    let SubmitCall {
        edge,
        waiting,
        principal,
        path,
        query,
        headers,
    } = call;
    principal.require(Scope::Submit)?;
    let model = model(&path, segments)?;
    let query = SubmitQuery::of(&query)?;
    let (mut inputs, counted) = body.object().await.map_err(advised)?;
    let input = edge.gateway.input_echo(&model, &inputs).await;
    let sync_mode = sync_mode::take_flag(&mut inputs, "enable_sync_mode")?;
    let callback = callback(query.webhook, &mut inputs)?;
    let request = SubmitRequest {
        tenant: principal.tenant.clone(),
        model,
        inputs,
        callback,
        metadata: metadata(&headers)?,
        key: key(&headers)?,
        by: principal.key.clone(),
        trace: trace(&headers),
    };
    let held = sync_mode && request.key.is_none() && counted.bytes <= BESIDE_BYTES;
    let mut held = held.then(|| {
        let submit = (request.tenant.clone(), request.digest());
        edge.hung_up.hold(submit)
    });
    let before = match &held {
        Some(held) => held.task(&edge).await?,
        None => None,
    };
    let task = match before {
        Some(task) => task,
        None => Box::pin(submission::submit(&edge, request, counted)).await?,
    };
    if let Some(held) = &mut held {
        held.is_of(&task.id);
    }
    let price = [(PRICE, task.price.decimal())];
    // They are parts of the buffer that the request was read into.
    drop(headers);
    let tenant = &principal.tenant;
    let prediction = if sync_mode {
        sync_mode::wait(&edge, &principal, &task.id, &waiting).await?
    } else if waiting.preferred.is_some() {
        waiting::until_end(&edge, &principal, &task.id, &waiting).await?;
        Box::pin(edge.gateway.prediction(tenant, &task.id)).await?
    } else {
        Box::pin(edge.gateway.view(&task))
            .await?
            .as_submitted(&task)
    };
    let prediction = Prediction {
        input,
        ..prediction
    };
    let answer = Box::pin(Answered::of(&edge, tenant, prediction)).await;
    if let Some(held) = held {
        held.answered();
    }
    Ok((price, answer))
}

/// The first segments of the provider's fixed paths. No model owner has such a name.
const FIXED: [&str; 8] = [
    "balance",
    "billings",
    "media",
    "model",
    "models",
    "predictions",
    "user",
    "webhook",
];

fn model(path: &str, segments: &[String]) -> Result<ModelId> {
    if FIXED.contains(&segments[0].as_str()) {
        return Err(no_such_route(path, &segments[0]));
    }
    if segments[0] == "api" {
        let text = "the path has '/api/v3' twice; give the client the base URL without it";
        return Err(Error::not_found(text));
    }
    if segments.iter().any(String::is_empty) {
        let text = "the model's path has two slashes in a row; write one";
        return Err(Error::invalid("invalid_path", text).field("model"));
    }
    if let Some(odd) = segments.iter().find(|segment| segment.contains('/')) {
        let text = format!(
            "the part '{}' of the model's path holds a percent-encoded slash; write '/' itself between the parts",
            echo(odd)
        );
        return Err(Error::invalid("invalid_path", text).field("model"));
    }
    if segments
        .iter()
        .any(|segment| matches!(segment.as_str(), "." | ".."))
    {
        let text = "the model's path has a part that is only dots; write it as GET /api/v3/models lists it";
        return Err(Error::invalid("invalid_path", text).field("model"));
    }
    ModelId::parse(&segments.join("/"))
        .map_err(|error| Error::new(Kind::NotFound, "unknown_model", error.message))
}

/// For a path that only looks like a model's, because submit matches every path that no other route
/// does.
fn no_such_route(path: &str, first: &str) -> Error {
    let instead = match first {
        "predictions" => {
            "read a prediction with GET /api/v3/predictions/{id}/result, list all with POST /api/v3/predictions, \
             and delete with POST /api/v3/predictions/delete; POST /v1/tasks/{id}/cancel ends a task that still waits"
        }
        "media" => {
            "send files to POST /api/v3/media/upload/binary, or get an upload ticket from POST /api/v3/media/uploads"
        }
        _ => "GET /openapi.json lists all paths",
    };
    Error::not_found(format!("there is no POST {}; {instead}", echo(path)))
}

/// One page of the provider's documentation uses a body field instead of the query parameter.
fn callback(query: Option<String>, inputs: &mut Map<String, Value>) -> Result<Option<CallbackUrl>> {
    let field = match inputs.remove("webhook_url") {
        Some(Value::String(text)) => Some(text),
        None | Some(Value::Null) => None,
        Some(_) => {
            let text = "webhook_url must be a string: the https URL to call when the task ends";
            return Err(Error::invalid("invalid_parameter", text).field("webhook_url"));
        }
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let text = match (given(query), given(field)) {
        (Some(query), Some(field)) if query != field => {
            let text = "'webhook' in the query and 'webhook_url' in the body name two addresses; give one of them";
            return Err(Error::invalid("invalid_parameter", text).field("webhook_url"));
        }
        (query, field) => query.or(field),
    };
    let Some(text) = text else {
        return Ok(None);
    };
    CallbackUrl::parse_new(&text)
        .map(Some)
        .map_err(|error| error.field("webhook"))
}
