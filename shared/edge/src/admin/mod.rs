//! The operator's API. Who may call it is decided in front of it: by IAM on AWS.

mod accounts;
mod tenants;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use fluxgate_core::flow::Fluxgate;

/// A tenant may bring its key set along.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The routes under `/admin/v1`.
pub(crate) fn router() -> Router<Arc<Fluxgate>> {
    Router::new()
        .route("/admin/v1/tenants", post(tenants::create).get(tenants::list))
        .route("/admin/v1/tenants/{id}", get(tenants::get))
        .route("/admin/v1/tenants/{id}/account", get(accounts::account))
        .route("/admin/v1/tenants/{id}/top-ups", post(accounts::top_up))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}
