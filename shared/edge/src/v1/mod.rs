//! Fluxgate's own API, for everything that the provider's API does not cover.

pub(crate) mod batches;
pub(crate) mod budget;
pub(crate) mod deliveries;
pub(crate) mod endpoints;
pub(crate) mod events;
mod health;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod statements;
pub(crate) mod tasks;
pub(crate) mod usage;

pub(crate) use deliveries::query::NAMES as DELIVERY_PARAMETERS;

use fluxgate_core::bounds::Bounds;

use crate::documented::{DocumentedRouter, routes};

/// For bodies without inputs.
const BODY_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn router(bounds: &Bounds) -> DocumentedRouter {
    let inputs = DocumentedRouter::default()
        .routes(routes!(tasks::create, tasks::list))
        .body_limit(bounds.body_bytes_max);
    let others = DocumentedRouter::default()
        .routes(routes!(tasks::get, tasks::delete))
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
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::get, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::jwks))
        .routes(routes!(deliveries::recover))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::get))
        .routes(routes!(deliveries::replay))
        .routes(routes!(deliveries::cancel))
        .routes(routes!(events::events))
        .routes(routes!(batches::create, batches::list))
        .routes(routes!(batches::get))
        .routes(routes!(batches::results))
        .routes(routes!(batches::cancel))
        .routes(routes!(tasks::timeline))
        .routes(routes!(tasks::events))
        .routes(routes!(tasks::archive))
        .routes(routes!(tasks::cancel))
        .routes(routes!(tasks::retry))
        .routes(routes!(usage::usage))
        .routes(routes!(statements::statement))
        .routes(routes!(budget::budget))
        .routes(routes!(ledger::ledger))
        .routes(routes!(health::healthz))
        .body_limit(BODY_BYTES_MAX);
    inputs.merge(others)
}
