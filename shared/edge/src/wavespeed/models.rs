//! The catalogue, at the tenant's prices.

use axum::Json;
use axum::extract::State;
use fluxgate_core::tenant::Scope;

use super::envelope::{Envelope, WaveSpeedJson, success};
use crate::bearer::WaveSpeedBearer;
use crate::error_reply::{WaveSpeedError, WaveSpeedErrorBody};
use crate::state::Edge;

/// List the models
///
/// `data` is a bare array of the models that the tenant may use; each entry has the tenant's price
/// and the JSON Schema of the model's inputs.
#[utoipa::path(
    get, path = "/api/v3/models", tag = "models", operation_id = "models",
    responses((status = 200, body = Envelope<Vec<WaveSpeedJson>>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn models(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
) -> Result<Json<Envelope<Vec<WaveSpeedJson>>>, WaveSpeedError> {
    principal.require(Scope::Read)?;
    let entries = edge.gateway.models(&principal.tenant).await?;
    Ok(success(entries.into_iter().map(WaveSpeedJson).collect()))
}
