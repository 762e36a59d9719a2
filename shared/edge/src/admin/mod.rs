//! The operator's API. Access control is done in front of it: by IAM on AWS, by a token on a single
//! machine.

mod accounts;
mod audit_log;
mod budget;
mod caller;
mod deliveries;
mod encryption;
mod endpoints;
mod parameters;
mod prices;
mod provider;
mod reconcile;
mod tenants;
mod token;
mod webhook_secret;

use axum::middleware::from_fn;
use axum::{Extension, Router};

pub(crate) use token::token_only;

use crate::body::BodyBytesMax;
use crate::body_form;
use crate::documented::{DocumentedRouter, routes};
use crate::openapi;
use crate::state::OperatorEdge;

/// Large enough for a tenant with its own key set.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The routes under `/admin/v1`.
pub(crate) fn router() -> Router<OperatorEdge> {
    let (router, complete) = documented().into_parts();
    let document = move || openapi::complete(complete(openapi::operators()), "");
    router
        .route(openapi::OPERATORS, openapi::served(document))
        .layer((
            from_fn(parameters::check),
            from_fn(body_form::check),
            Extension(BodyBytesMax(BODY_BYTES_MAX)),
        ))
}

fn documented() -> DocumentedRouter<OperatorEdge> {
    DocumentedRouter::default()
        .routes(routes!(tenants::create, tenants::list))
        .routes(routes!(tenants::get, tenants::change, tenants::delete))
        .routes(routes!(tenants::suspend))
        .routes(routes!(tenants::resume))
        .routes(routes!(tenants::probe))
        .routes(routes!(webhook_secret::rotate))
        .routes(routes!(encryption::status))
        .routes(routes!(encryption::rotate))
        .routes(routes!(prices::get, prices::set, prices::set_some))
        .routes(routes!(prices::remove))
        .routes(routes!(accounts::account))
        .routes(routes!(accounts::check))
        .routes(routes!(accounts::top_up))
        .routes(routes!(budget::get, budget::set, budget::remove))
        .merge(callbacks())
        .routes(routes!(provider::check))
        .routes(routes!(reconcile::reconcile))
        .routes(routes!(audit_log::list))
}

/// What tenants may do about their own callbacks too.
fn callbacks() -> DocumentedRouter<OperatorEdge> {
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
        .routes(routes!(endpoints::recover))
        .routes(routes!(deliveries::list))
        .routes(routes!(deliveries::get))
        .routes(routes!(deliveries::replay))
        .routes(routes!(deliveries::cancel))
}
