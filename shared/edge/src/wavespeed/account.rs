//! The tenant's own balance and webhook secret.

use axum::Json;
use axum::extract::State;
use fluxgate_core::tenant::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use super::envelope::{Envelope, success};
use crate::bearer::WaveSpeedBearer;
use crate::error_reply::WaveSpeedError;
use crate::state::Edge;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Balance {
    /// What can still be spent, in USD: the smaller of the balance and what is left of the month's
    /// budget. Amounts held by running tasks are not included.
    balance: f64,
}

/// Read the balance
#[utoipa::path(
    get, path = "/api/v3/balance", tag = "account", operation_id = "balance",
    responses((status = 200, description = "the balance", body = Envelope<Balance>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn balance(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
) -> Result<Json<Envelope<Balance>>, WaveSpeedError> {
    principal.require(Scope::Billing)?;
    Ok(success(Balance {
        balance: edge.gateway.balance(&principal.tenant).await?.usd(),
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookSecret {
    /// `whsec_…`; verifies callbacks requested with `?webhook=`.
    secret: String,
}

/// Read the webhook secret
#[utoipa::path(
    get, path = "/api/v3/webhook/secret", tag = "account", operation_id = "webhook_secret",
    responses((status = 200, description = "the secret", body = Envelope<WebhookSecret>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn webhook_secret(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
) -> Result<Json<Envelope<WebhookSecret>>, WaveSpeedError> {
    principal.require(Scope::Endpoints)?;
    let secret = edge.gateway.webhook_secret(&principal.tenant).await?;
    Ok(success(WebhookSecret {
        secret: secret.expose().to_owned(),
    }))
}
