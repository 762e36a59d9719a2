//! One prediction: its status and result.

use axum::extract::State;
use fluxgate_core::id::TaskId;
use fluxgate_core::provider::Prediction;
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Kind};

use super::envelope::Envelope;
use super::inline::Answered;
use crate::bearer::ProviderPoller;
use crate::error_reply::WaveSpeedError;
use crate::path::Path;
use crate::state::Edge;

type Answer = Result<Answered, WaveSpeedError>;

/// Read a prediction
///
/// A failed task is also a 200: the failure is in `data.status`, `data.error` and `data.code`.
#[utoipa::path(
    get, path = "/api/v3/predictions/{id}/result", tag = "predictions", operation_id = "result",
    params(("id" = String, Path, description = "the id returned by the submit")),
    responses(
        (status = 200, description = "the prediction as it is now", body = Envelope<Prediction>),
        (status = 404, description = "unknown, or another tenant's"),
        (status = 429, description = "only for more than one read a second: over the tenant's request limit")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn result(edge: State<Edge>, bearer: ProviderPoller, id: Path<String>) -> Answer {
    read(edge, bearer, id).await
}

/// Read a prediction, by the newer path
#[utoipa::path(
    get, path = "/api/v3/predictions/{id}", tag = "predictions", operation_id = "prediction",
    params(("id" = String, Path)),
    responses((status = 200, description = "the prediction as it is now", body = Envelope<Prediction>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn result_short(
    edge: State<Edge>,
    bearer: ProviderPoller,
    id: Path<String>,
) -> Answer {
    read(edge, bearer, id).await
}

/// Read a prediction, by the legacy path
#[utoipa::path(
    get, path = "/api/v2/predictions/{id}/result", tag = "predictions", operation_id = "result_v2",
    params(("id" = String, Path)),
    responses((status = 200, description = "the prediction as it is now", body = Envelope<Prediction>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn result_v2(
    edge: State<Edge>,
    bearer: ProviderPoller,
    id: Path<String>,
) -> Answer {
    read(edge, bearer, id).await
}

/// Read a prediction, by the shorter legacy path
#[utoipa::path(
    get, path = "/api/v2/predictions/{id}", tag = "predictions", operation_id = "prediction_v2",
    params(("id" = String, Path)),
    responses((status = 200, description = "the prediction as it is now", body = Envelope<Prediction>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn result_short_v2(
    edge: State<Edge>,
    bearer: ProviderPoller,
    id: Path<String>,
) -> Answer {
    read(edge, bearer, id).await
}

async fn read(
    State(edge): State<Edge>,
    ProviderPoller(principal): ProviderPoller,
    Path(id): Path<String>,
) -> Answer {
    principal.require(Scope::Read)?;
    // An invalid id cannot exist.
    let id = TaskId::parse(&id).map_err(|_| {
        Error::not_found("there is no task with this id; ids are 32 hex characters")
    })?;
    let found = edge.gateway.prediction(&principal.tenant, &id).await;
    if found
        .as_ref()
        .is_err_and(|error| error.kind == Kind::NotFound)
    {
        edge.throttle.missed(&principal);
    }
    Ok(Answered::of(&edge, &principal.tenant, found?).await)
}
