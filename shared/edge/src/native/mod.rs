//! Fluxgate's own API: what the vendor has no word for.

pub(crate) mod budget;
mod endpoints;
mod health;
mod timeline;
mod usage;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Edge;

/// None of these bodies is large.
const BODY_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn router() -> OpenApiRouter<Edge> {
    OpenApiRouter::new()
        .routes(routes!(endpoints::create, endpoints::list))
        .routes(routes!(endpoints::get, endpoints::delete))
        .routes(routes!(timeline::timeline))
        .routes(routes!(usage::usage))
        .routes(routes!(budget::budget))
        .routes(routes!(health::healthz))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}
