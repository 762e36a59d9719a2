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
use axum::routing::{delete, get, post};
use axum::{Extension, Router};

pub(crate) use token::token_only;

use crate::body::BodyBytesMax;
use crate::body_form;
use crate::state::OperatorEdge;

/// Large enough for a tenant with its own key set.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The routes under `/admin/v1`.
pub(crate) fn router() -> Router<OperatorEdge> {
    let one = get(tenants::get)
        .patch(tenants::change)
        .delete(tenants::delete);
    Router::new()
        .route(
            "/admin/v1/tenants",
            post(tenants::create).get(tenants::list),
        )
        .route("/admin/v1/tenants/{id}", one)
        .route("/admin/v1/tenants/{id}/suspend", post(tenants::suspend))
        .route("/admin/v1/tenants/{id}/resume", post(tenants::resume))
        .route(
            "/admin/v1/tenants/{id}/webhook-secret",
            post(webhook_secret::rotate),
        )
        .route("/admin/v1/encryption", get(encryption::status))
        .route("/admin/v1/encryption/rotate", post(encryption::rotate))
        .route(
            "/admin/v1/tenants/{id}/destination/probe",
            post(tenants::probe),
        )
        .route(
            "/admin/v1/tenants/{id}/prices",
            get(prices::get).put(prices::set).patch(prices::set_some),
        )
        .route(
            "/admin/v1/tenants/{id}/prices/{*model}",
            delete(prices::remove),
        )
        .route("/admin/v1/tenants/{id}/account", get(accounts::account))
        .route("/admin/v1/tenants/{id}/account/check", get(accounts::check))
        .route(
            "/admin/v1/tenants/{id}/budget",
            get(budget::get).put(budget::set).delete(budget::remove),
        )
        .route("/admin/v1/tenants/{id}/top-ups", post(accounts::top_up))
        .merge(callbacks())
        .route("/admin/v1/provider", get(provider::check))
        .route("/admin/v1/reconcile", get(reconcile::reconcile))
        .route("/admin/v1/audit", get(audit_log::list))
        .layer((
            from_fn(parameters::check),
            from_fn(body_form::check),
            Extension(BodyBytesMax(BODY_BYTES_MAX)),
        ))
}

/// What tenants may do about their own callbacks too.
fn callbacks() -> Router<OperatorEdge> {
    let one = get(endpoints::get)
        .patch(endpoints::change)
        .delete(endpoints::delete);
    Router::new()
        .route(
            "/admin/v1/tenants/{id}/endpoints",
            get(endpoints::list).post(endpoints::create),
        )
        .route("/admin/v1/tenants/{id}/endpoints/{endpoint}", one)
        .route(
            "/admin/v1/tenants/{id}/endpoints/{endpoint}/secret",
            post(endpoints::rotate_secret),
        )
        .route(
            "/admin/v1/tenants/{id}/endpoints/{endpoint}/signing-key",
            post(endpoints::rotate_key),
        )
        .route(
            "/admin/v1/tenants/{id}/endpoints/{endpoint}/test",
            post(endpoints::test),
        )
        .route(
            "/admin/v1/tenants/{id}/endpoints/{endpoint}/recover",
            post(endpoints::recover),
        )
        .route("/admin/v1/tenants/{id}/deliveries", get(deliveries::list))
        .route(
            "/admin/v1/tenants/{id}/deliveries/{delivery}",
            get(deliveries::get),
        )
        .route(
            "/admin/v1/tenants/{id}/deliveries/{delivery}/replay",
            post(deliveries::replay),
        )
        .route(
            "/admin/v1/tenants/{id}/deliveries/{delivery}/cancel",
            post(deliveries::cancel),
        )
}
