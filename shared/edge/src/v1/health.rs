//! `/healthz`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use fluxgate_core::admin::AdminScope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin;
use crate::state::{Edge, Health};

/// Shows that the process is serving and, to the operator, how it is configured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// Always `ok`; a process that cannot serve does not answer.
    status: &'static str,
    version: &'static str,
    /// `webhook` if the provider can reach the receiver, otherwise `poll`; for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    completion: Option<&'static str>,
    /// The settings in force, by name; for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<BTreeMap<String, String>>,
}

/// Is the gateway up?
///
/// With the admin token, the answer also shows how the gateway is configured.
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "healthz", responses((status = 200, description = "it serves", body = HealthView)))]
pub(crate) async fn healthz(State(edge): State<Edge>, headers: HeaderMap) -> Json<HealthView> {
    let health = &edge.health;
    let setup = is_operator(health, &headers).await.then_some(&health.setup);
    Json(HealthView {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        completion: setup.map(|setup| setup.completion),
        settings: setup.map(|setup| setup.settings.clone()),
    })
}

/// A stranger is not refused, only told less.
async fn is_operator(health: &Health, headers: &HeaderMap) -> bool {
    let Some(access) = &health.access else {
        return false;
    };
    let caller = admin::holder(access, headers).await;
    caller.is_ok_and(|caller| caller.require(AdminScope::Read).is_ok())
}
