//! The operator's API. Access control is done in front of it: by IAM on AWS, by a token on a single
//! machine.

mod accounts;
mod audit_log;
mod budget;
mod caller;
mod parameters;
mod prices;
mod provider;
mod reconcile;
mod tenants;
mod token;

use std::sync::Arc;

use axum::middleware::from_fn;
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use fluxgate_core::app::Operator;

pub(crate) use token::token_only;

use crate::body::BodyBytesMax;
use crate::body_form;

/// Large enough for a tenant with its own key set.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The routes under `/admin/v1`.
pub(crate) fn router() -> Router<Arc<Operator>> {
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
        .route("/admin/v1/provider", get(provider::check))
        .route("/admin/v1/reconcile", get(reconcile::reconcile))
        .route("/admin/v1/audit", get(audit_log::list))
        .layer((
            from_fn(parameters::check),
            from_fn(body_form::check),
            Extension(BodyBytesMax(BODY_BYTES_MAX)),
        ))
}
