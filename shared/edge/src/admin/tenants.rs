//! Tenants, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::app::{Deletion, NewDestination, NewTenant, Operator, TenantChange};
use fluxgate_core::id::{AccountId, TenantId};
use fluxgate_core::tenant::{Limits, Tenant, TenantState, Trust, UnarchivedOutputs};
use fluxgate_core::{Error, Result, echo};
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;

type Answer<T> = std::result::Result<Json<T>, Problem>;

/// A request to create a tenant.
/// The parts to change; each is replaced as a whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantRequest {
    id: String,
    trust: Vec<Trust>,
    destination: DestinationRequest,
    #[serde(default)]
    limits: Limits,
    /// `charge` or `release`.
    #[serde(default)]
    unarchived: Option<String>,
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

impl DestinationRequest {
    fn parse(self) -> Result<NewDestination> {
        let owner = self
            .bucket_owner
            .map(|id| AccountId::parse(&id))
            .transpose();
        Ok(NewDestination {
            bucket: self.bucket,
            prefix: self.prefix,
            bucket_owner: owner.map_err(|error| error.field("bucket_owner"))?,
            role_arn: self.role_arn,
        })
    }
}

/// What is to be different; each part is replaced whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    trust: Option<Vec<Trust>>,
    destination: Option<DestinationRequest>,
    limits: Option<Limits>,
    unarchived: Option<String>,
}

/// A tenant without its secrets.
#[derive(Debug, Serialize)]
pub(crate) struct TenantView {
    id: TenantId,
    created_at: String,
    state: TenantState,
    version: u64,
    trust: Vec<Trust>,
    bucket: String,
    prefix: String,
    limits: Limits,
    unarchived: UnarchivedOutputs,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    /// The ExternalId that the role's trust policy must require.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Signs the callbacks of `?webhook=`; shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
}

pub(crate) async fn create(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<TenantView>), Problem> {
    let request: TenantRequest = body.document().await?;
    let id = TenantId::parse(&request.id).map_err(|error| error.field("id"))?;
    let new = NewTenant {
        id,
        trust: request.trust,
        destination: request.destination.parse()?,
        limits: request.limits,
        unarchived: unarchived(request.unarchived.as_deref())?.unwrap_or_default(),
    };
    let onboarded = operator.onboard(new, &actor).await?;
    let webhook_secret = Some(onboarded.webhook_secret.expose().to_owned());
    Ok((
        StatusCode::CREATED,
        Json(TenantView {
            webhook_secret,
            ..view(onboarded.tenant)
        }),
    ))
}

pub(crate) async fn list(State(operator): State<Arc<Operator>>) -> Answer<Vec<TenantView>> {
    Ok(Json(
        operator.tenants().await?.into_iter().map(view).collect(),
    ))
}

pub(crate) async fn get(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Answer<TenantView> {
    Ok(Json(view(operator.tenant(&tenant_id(&id)?).await?)))
}

pub(crate) async fn change(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<TenantView> {
    let request: ChangeRequest = body.document().await?;
    let destination = request
        .destination
        .map(DestinationRequest::parse)
        .transpose()?;
    let unarchived = unarchived(request.unarchived.as_deref())?;
    let change = TenantChange {
        trust: request.trust,
        destination,
        limits: request.limits,
        unarchived,
    };
    Ok(Json(view(
        operator.change(&tenant_id(&id)?, change, &actor).await?,
    )))
}

pub(crate) async fn suspend(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Answer<TenantView> {
    Ok(Json(view(
        operator.suspend(&tenant_id(&id)?, &actor).await?,
    )))
}

pub(crate) async fn resume(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Answer<TenantView> {
    Ok(Json(view(operator.resume(&tenant_id(&id)?, &actor).await?)))
}

pub(crate) async fn delete(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    query: Query,
) -> std::result::Result<StatusCode, Problem> {
    let deletion = Deletion {
        forget_balance: query.flag("forget_balance")?,
    };
    operator.delete(&tenant_id(&id)?, deletion, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks whether outputs can be copied into the tenant's bucket, and whether its role refuses a
/// wrong ExternalId.
#[derive(Debug, Serialize)]
pub(crate) struct ProbeView {
    passed: bool,
    checks: Vec<CheckView>,
}

#[derive(Debug, Serialize)]
struct CheckView {
    name: &'static str,
    passed: bool,
    text: String,
}

pub(crate) async fn probe(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Answer<ProbeView> {
    let checks = operator.probe(&tenant_id(&id)?).await?;
    let passed = checks.iter().all(|check| check.passed);
    let views = checks.into_iter().map(|check| CheckView {
        name: check.name,
        passed: check.passed,
        text: check.text,
    });
    Ok(Json(ProbeView {
        passed,
        checks: views.collect(),
    }))
}

pub(super) fn tenant_id(text: &str) -> Result<TenantId> {
    TenantId::parse(text)
        .map_err(|_| Error::not_found(format!("there is no tenant '{}'", echo(text))))
}

fn unarchived(text: Option<&str>) -> Result<Option<UnarchivedOutputs>> {
    text.map(UnarchivedOutputs::parse).transpose()
}

fn view(tenant: Tenant) -> TenantView {
    let (role_arn, external_id) = tenant
        .destination
        .role
        .map(|role| (role.arn, role.external_id))
        .unzip();
    TenantView {
        id: tenant.id,
        created_at: tenant.created_at.rfc3339(),
        state: tenant.state,
        version: tenant.version,
        trust: tenant.trust,
        bucket: tenant.destination.bucket,
        prefix: tenant.destination.prefix,
        limits: tenant.limits,
        unarchived: tenant.unarchived,
        role_arn,
        external_id,
        webhook_secret: None,
    }
}
