//! The operator's API. Who calls is found out in front of it: by IAM on AWS, by a token on a single
//! machine. What the caller may do is checked here, for each route.

mod accounts;
mod alerts;
mod audit_log;
mod batches;
mod budget;
mod caller;
mod capability_keys;
mod corrections;
mod dead_letters;
mod deliveries;
mod destination;
mod encryption;
mod endpoints;
mod erase;
mod fair_queue;
mod keys;
mod ledger;
mod parameters;
mod prices;
mod provider;
mod reconcile;
mod restoration;
mod scopes;
mod signing_keys;
mod tasks;
mod tenants;
mod token;
mod tokens;
mod trust;
mod usage;
mod webhook_secret;

use axum::middleware::from_fn;
use axum::{Extension, Router};

pub use caller::authenticated;
pub use token::with_scope;
pub(crate) use token::{holder, token_only};

use crate::body::BodyBytesMax;
use crate::body_form::BodyForm;
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
            from_fn(scopes::check),
            from_fn(parameters::check),
            BodyForm,
            Extension(BodyBytesMax(BODY_BYTES_MAX)),
        ))
}

fn documented() -> DocumentedRouter<OperatorEdge> {
    DocumentedRouter::default()
        .routes(routes!(tenants::create, tenants::list))
        .routes(routes!(tenants::get, tenants::change, tenants::delete))
        .routes(routes!(tenants::ids))
        .routes(routes!(tenants::suspend))
        .routes(routes!(tenants::resume))
        .routes(routes!(destination::probe))
        .routes(routes!(trust::check))
        .routes(routes!(trust::check_of_tenant))
        .routes(routes!(trust::probe))
        .routes(routes!(webhook_secret::rotate))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::get, keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(signing_keys::status))
        .routes(routes!(signing_keys::rotate))
        .routes(routes!(encryption::status))
        .routes(routes!(encryption::rotate))
        .routes(routes!(capability_keys::status))
        .routes(routes!(capability_keys::rotate))
        .routes(routes!(capability_keys::retire))
        .routes(routes!(
            prices::get,
            prices::set,
            prices::set_some,
            prices::remove_some
        ))
        .routes(routes!(prices::remove))
        .routes(routes!(accounts::account))
        .routes(routes!(accounts::check))
        .routes(routes!(accounts::top_up))
        .routes(routes!(ledger::list))
        .routes(routes!(corrections::credit))
        .routes(routes!(corrections::debit))
        .routes(routes!(corrections::void))
        .routes(routes!(corrections::refund))
        .routes(routes!(budget::get, budget::set, budget::remove))
        .merge(usages())
        .merge(callbacks())
        .merge(tasks())
        .routes(routes!(provider::check))
        .routes(routes!(reconcile::reconcile))
        .routes(routes!(audit_log::list))
        .routes(routes!(alerts::get, alerts::set))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(restoration::status, restoration::take_step))
        .routes(routes!(fair_queue::read))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::redrive))
        .routes(routes!(dead_letters::delete))
}

fn tasks() -> DocumentedRouter<OperatorEdge> {
    DocumentedRouter::default()
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::get))
        .routes(routes!(tasks::cancel))
        .routes(routes!(tasks::fail))
        .routes(routes!(tasks::archive))
        .routes(routes!(tasks::deliver))
        .routes(routes!(erase::of_tenant))
        .routes(routes!(erase::of_task))
        .routes(routes!(batches::list))
        .routes(routes!(batches::get))
}

/// What tenants used and what their accounts came to.
fn usages() -> DocumentedRouter<OperatorEdge> {
    DocumentedRouter::default()
        .routes(routes!(usage::of_all))
        .routes(routes!(usage::of_tenant))
        .routes(routes!(usage::statement))
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
