//! Fluxgate's own API, for everything that the provider's API does not cover.

mod archive;
pub(crate) mod budget;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
mod health;
mod timeline;
mod usage;

pub(crate) use deliveries::query::NAMES as DELIVERY_PARAMETERS;

use crate::documented::{DocumentedRouter, routes};

/// None of these bodies is large.
const BODY_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn router() -> DocumentedRouter {
    DocumentedRouter::default()
        .routes(routes!(endpoints::create, endpoints::list))
        .routes(routes!(
            endpoints::get,
            endpoints::change,
            endpoints::delete
        ))
        .routes(routes!(endpoints::rotate_secret))
        .routes(routes!(endpoints::rotate_key))
        .routes(routes!(endpoints::test))
        .routes(routes!(endpoints::published_keys))
        .routes(routes!(deliveries::recover))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::get))
        .routes(routes!(deliveries::replay))
        .routes(routes!(deliveries::cancel))
        .routes(routes!(timeline::timeline))
        .routes(routes!(archive::archive))
        .routes(routes!(usage::usage))
        .routes(routes!(budget::budget))
        .routes(routes!(health::healthz))
        .body_limit(BODY_BYTES_MAX)
}
