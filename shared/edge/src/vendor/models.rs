//! The catalogue.

use axum::Json;
use axum::extract::State;

use super::envelope::{Envelope, VendorJson, success};
use crate::bearer::VendorBearer;
use crate::error_reply::{VendorError, VendorErrorBody};
use crate::state::Edge;

/// List the models
///
/// `data` is a bare array; each entry carries its price and the JSON Schema of its inputs.
#[utoipa::path(
    get, path = "/api/v3/models", tag = "models", operation_id = "models",
    responses((status = 200, body = Envelope<Vec<VendorJson>>), (status = "4XX", body = VendorErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn models(
    State(edge): State<Edge>,
    _: VendorBearer,
) -> Result<Json<Envelope<Vec<VendorJson>>>, VendorError> {
    let catalogue = edge.fluxgate.ports.upstream.catalogue().await?;
    Ok(success(catalogue.raw().iter().cloned().map(VendorJson).collect()))
}
