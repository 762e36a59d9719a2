//! Fluxgate's own API, for everything that the provider's API does not cover.

mod archive;
pub(crate) mod budget;
mod endpoints;
mod health;
mod timeline;
mod usage;

use crate::documented::{DocumentedRouter, routes};

/// None of these bodies is large.
const BODY_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn router() -> DocumentedRouter {
    DocumentedRouter::default()
        .routes(routes!(endpoints::create, endpoints::list))
        .routes(routes!(endpoints::get, endpoints::delete))
        .routes(routes!(timeline::timeline))
        .routes(routes!(archive::archive))
        .routes(routes!(usage::usage))
        .routes(routes!(budget::budget))
        .routes(routes!(health::healthz))
        .body_limit(BODY_BYTES_MAX)
}
