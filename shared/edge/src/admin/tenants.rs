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
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantRequest {
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$")]
    id: String,
    #[schema(min_items = 1, max_items = 16)]
    trust: Vec<Trust>,
    destination: DestinationRequest,
    #[serde(default)]
    limits: Limits,
    /// `charge` or `release`.
    #[serde(default)]
    #[schema(value_type = Option<UnarchivedOutputs>)]
    unarchived: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct DestinationRequest {
    #[schema(pattern = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    bucket: String,
    #[serde(default)]
    prefix: String,
    /// The account that the bucket must belong to.
    #[schema(pattern = "^[0-9]{12}$")]
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
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    #[schema(min_items = 1, max_items = 16)]
    trust: Option<Vec<Trust>>,
    destination: Option<DestinationRequest>,
    limits: Option<Limits>,
    #[schema(value_type = Option<UnarchivedOutputs>)]
    unarchived: Option<String>,
}

/// A tenant without its secrets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TenantView {
    #[schema(value_type = String)]
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

/// Create a tenant
///
/// The secret of its `?webhook=` callbacks is in the answer, and nowhere else for the operator.
#[utoipa::path(
    post, path = "/admin/v1/tenants", tag = "tenants", operation_id = "create_tenant",
    request_body = TenantRequest,
    responses((status = 201, description = "the new tenant", body = TenantView),
        (status = 409, description = "a tenant of this id, or an issuer that another tenant trusts too")),
    security(("admin_token" = [])))]
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

/// List the tenants
#[utoipa::path(
    get, path = "/admin/v1/tenants", tag = "tenants", operation_id = "list_tenants",
    responses((status = 200, description = "all tenants", body = Vec<TenantView>)),
    security(("admin_token" = [])))]
pub(crate) async fn list(State(operator): State<Arc<Operator>>) -> Answer<Vec<TenantView>> {
    Ok(Json(
        operator.tenants().await?.into_iter().map(view).collect(),
    ))
}

/// Read a tenant
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}", tag = "tenants", operation_id = "get_tenant",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "the tenant", body = TenantView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Answer<TenantView> {
    Ok(Json(view(operator.tenant(&tenant_id(&id)?).await?)))
}

/// Change a tenant
///
/// What is left out stays as it is; each part is replaced as a whole.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{id}", tag = "tenants", operation_id = "change_tenant",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = ChangeRequest,
    responses((status = 200, description = "the tenant as it is now", body = TenantView),
        (status = 409, description = "somebody changed it meanwhile, or an issuer that another tenant trusts too")),
    security(("admin_token" = [])))]
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

/// Suspend a tenant
///
/// Nothing new may start; reads work, and running tasks finish.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/suspend", tag = "tenants", operation_id = "suspend_tenant",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "the tenant", body = TenantView),
        (status = 409, description = "somebody changed it meanwhile; try again")),
    security(("admin_token" = [])))]
pub(crate) async fn suspend(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Answer<TenantView> {
    Ok(Json(view(
        operator.suspend(&tenant_id(&id)?, &actor).await?,
    )))
}

/// Resume a tenant
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/resume", tag = "tenants", operation_id = "resume_tenant",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "the tenant", body = TenantView),
        (status = 409, description = "somebody changed it meanwhile; try again")),
    security(("admin_token" = [])))]
pub(crate) async fn resume(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Answer<TenantView> {
    Ok(Json(view(operator.resume(&tenant_id(&id)?, &actor).await?)))
}

/// Delete a tenant
///
/// Its books are kept.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}", tag = "tenants", operation_id = "delete_tenant",
    params(("id" = String, Path, description = "the tenant's id"), ("forget_balance" = Option<bool>, Query, description = "delete it although it has money left")),
    responses((status = 204, description = "it is deleted"),
        (status = 409, description = "it has running tasks, or a balance")),
    security(("admin_token" = [])))]
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
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ProbeView {
    passed: bool,
    checks: Vec<CheckView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProbeCheck)]
struct CheckView {
    name: &'static str,
    passed: bool,
    text: String,
}

/// Check a tenant's bucket
///
/// Writes and reads an object, and checks that its role refuses a wrong ExternalId.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/destination/probe", tag = "tenants", operation_id = "probe_destination",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "what was checked", body = ProbeView)),
    security(("admin_token" = [])))]
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
