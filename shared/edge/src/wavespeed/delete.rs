//! Deleting predictions.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use fluxgate_core::Error;
use fluxgate_core::id::TaskId;
use fluxgate_core::tenant::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::envelope::{Envelope, success};
use super::page::bad;
use crate::bearer::WaveSpeedBearer;
use crate::body::RawBody;
use crate::error_reply::WaveSpeedError;
use crate::path::Path;
use crate::state::Edge;

/// As many as a page of the list has.
const IDS_MAX: usize = 100;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DeleteRequest {
    /// At most 100. What is no id of a prediction of yours is passed by.
    #[schema(max_items = 100)]
    ids: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedCount {
    /// How many predictions this request deleted.
    deleted_count: usize,
}

type Answer = Result<Json<Envelope<DeletedCount>>, WaveSpeedError>;

/// Delete predictions
///
/// Empties predictions that have ended, for good: inputs, outputs, links, errors and metadata are
/// gone, and reading them is 404. Objects stay in the tenant's bucket, charges and usage in the
/// books. One that still waits is cancelled first. Unknown, foreign and repeated ids, and
/// predictions that the model's provider has under way, are not counted.
#[utoipa::path(
    post, path = "/api/v3/predictions/delete", tag = "predictions", operation_id = "delete_predictions",
    request_body = DeleteRequest,
    responses(
        (status = 200, description = "how many were deleted", body = Envelope<DeletedCount>),
        (status = 400, description = "no list of ids, or more than 100")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn delete_all(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
    body: RawBody,
) -> Answer {
    principal.require(Scope::Submit)?;
    let request: DeleteRequest = body.json().await?;
    if request.ids.len() > IDS_MAX {
        let text = format!("'ids' has {} ids; {IDS_MAX} fit", request.ids.len());
        return Err(bad("ids", text).into());
    }
    let ids = request.ids.iter();
    let ids: BTreeSet<TaskId> = ids.filter_map(|id| TaskId::parse(id).ok()).collect();
    let deleted_count = edge.gateway.delete_all(&principal.tenant, &ids).await?;
    Ok(success(DeletedCount { deleted_count }))
}

/// Delete a prediction
///
/// As `POST /api/v3/predictions/delete`, of one.
#[utoipa::path(
    delete, path = "/api/v3/predictions/{id}", tag = "predictions", operation_id = "delete_prediction",
    params(("id" = String, Path, description = "the id returned by the submit")),
    responses(
        (status = 200, description = "it is deleted", body = Envelope<DeletedCount>),
        (status = 404, description = "unknown, deleted, or another tenant's"),
        (status = 409, description = "`task_sent`: the provider has it, or may have it; delete it when it has ended")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn delete(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
    Path(id): Path<String>,
) -> Answer {
    principal.require(Scope::Submit)?;
    let id = TaskId::parse(&id).map_err(|_| {
        Error::not_found("there is no task with this id; ids are 32 hex characters")
    })?;
    edge.gateway.delete(&principal.tenant, &id).await?;
    Ok(success(DeletedCount { deleted_count: 1 }))
}
