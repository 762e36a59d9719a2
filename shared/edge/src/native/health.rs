//! `/healthz`.

use axum::Json;
use axum::extract::State;

use crate::state::{Edge, Health};

/// Is the gateway up?
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "healthz", responses((status = 200, body = Health)))]
pub(crate) async fn healthz(State(edge): State<Edge>) -> Json<Health> {
    Json(edge.health.as_ref().clone())
}
