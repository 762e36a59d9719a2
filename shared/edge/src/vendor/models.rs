//! The catalogue, at the tenant's prices.

use axum::Json;
use axum::extract::State;
use fluxgate_core::principal::Scope;

use super::envelope::{Envelope, VendorJson, success};
use crate::bearer::VendorBearer;
use crate::error_reply::{VendorError, VendorErrorBody};
use crate::state::Edge;

/// List the models
///
/// `data` is a bare array of the models that the tenant may use; each entry carries the tenant's price and the JSON Schema of
/// its inputs.
#[utoipa::path(
    get, path = "/api/v3/models", tag = "models", operation_id = "models",
    responses((status = 200, body = Envelope<Vec<VendorJson>>), (status = "4XX", body = VendorErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn models(
    State(edge): State<Edge>,
    VendorBearer(principal): VendorBearer,
) -> Result<Json<Envelope<Vec<VendorJson>>>, VendorError> {
    principal.require(Scope::Read)?;
    let entries = edge.fluxgate.models(&principal.tenant).await?;
    Ok(success(entries.into_iter().map(VendorJson).collect()))
}
