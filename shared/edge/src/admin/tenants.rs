//! Tenants, as their operator sees them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fluxgate_core::flow::{Fluxgate, NewTenant};
use fluxgate_core::id::{AccountId, TenantId};
use fluxgate_core::tenant::{Tenant, TenantState, Trust};
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::body::RawBody;
use crate::error_reply::Problem;

/// What an operator says of a new tenant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantRequest {
    id: String,
    trust: Vec<Trust>,
    destination: DestinationRequest,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DestinationRequest {
    bucket: String,
    #[serde(default)]
    prefix: String,
    bucket_owner: Option<String>,
    role_arn: Option<String>,
}

/// A tenant without its secrets.
#[derive(Debug, Serialize)]
pub(crate) struct TenantView {
    id: TenantId,
    created_at: String,
    state: TenantState,
    trust: Vec<Trust>,
    bucket: String,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    /// What the role's trust policy must ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Signs the callbacks of `?webhook=`, shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
}

pub(crate) async fn create(
    State(fluxgate): State<Arc<Fluxgate>>,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<TenantView>), Problem> {
    let request: TenantRequest = body.json()?;
    let destination = request.destination;
    let owner = destination.bucket_owner.map(|id| AccountId::parse(&id)).transpose();
    let new = NewTenant {
        id: TenantId::parse(&request.id).map_err(|error| error.field("id"))?,
        trust: request.trust,
        bucket: destination.bucket,
        prefix: destination.prefix,
        bucket_owner: owner.map_err(|error| error.field("bucket_owner"))?,
        role_arn: destination.role_arn,
    };
    let tenant = fluxgate.onboard(new).await?;
    let webhook_secret = Some(tenant.webhook_secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(TenantView { webhook_secret, ..view(tenant) })))
}

pub(crate) async fn list(State(fluxgate): State<Arc<Fluxgate>>) -> std::result::Result<Json<Vec<TenantView>>, Problem> {
    Ok(Json(fluxgate.ports.tenants.list().await?.into_iter().map(view).collect()))
}

pub(crate) async fn get(
    State(fluxgate): State<Arc<Fluxgate>>,
    Path(id): Path<String>,
) -> std::result::Result<Json<TenantView>, Problem> {
    Ok(Json(view(fluxgate.ports.tenants.get(&tenant_id(&id)?).await?)))
}

pub(super) fn tenant_id(text: &str) -> Result<TenantId> {
    TenantId::parse(text).map_err(|_| Error::not_found(format!("there is no tenant '{text}'")))
}

fn view(tenant: Tenant) -> TenantView {
    let (role_arn, external_id) = tenant.destination.role.map(|role| (role.arn, role.external_id)).unzip();
    TenantView {
        id: tenant.id,
        created_at: tenant.created_at.rfc3339(),
        state: tenant.state,
        trust: tenant.trust,
        bucket: tenant.destination.bucket,
        prefix: tenant.destination.prefix,
        role_arn,
        external_id,
        webhook_secret: None,
    }
}
