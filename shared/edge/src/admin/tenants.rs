//! Tenants, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::admin::AdminScope;
use fluxgate_core::app::{Deletion, NewTenant, Operator, TenantChange};
use fluxgate_core::id::{AccountId, TenantId};
use fluxgate_core::money::Account;
use fluxgate_core::tenant::{
    Limits, RetentionDays, Tenant, TenantState, Trust, TrustDraft, UnarchivedOutputs,
};
use fluxgate_core::{Error, Result, echo};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use super::accounts::{self, AccountView};
use super::caller::{Caller, ScopedCaller};
use super::destination::{DestinationRequest, DestinationView};
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::reads::{Reads, Subject};

/// How many tenants' sums are read at once for a list.
const MONTHS_AT_ONCE: usize = 16;

type Answer<T> = std::result::Result<Json<T>, Problem>;

/// A request to create a tenant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantRequest {
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$")]
    id: String,
    /// Without one, API keys alone speak for the tenant.
    #[serde(default)]
    #[schema(max_items = 16)]
    trust: Vec<TrustDraft>,
    destination: DestinationRequest,
    #[serde(default)]
    limits: Limits,
    /// `charge` or `release`.
    #[serde(default)]
    #[schema(value_type = Option<UnarchivedOutputs>)]
    unarchived: Option<String>,
    #[serde(default)]
    retention: RetentionDays,
}

/// What is to be different; each part is replaced whole.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    #[schema(max_items = 16)]
    trust: Option<Vec<TrustDraft>>,
    destination: Option<DestinationRequest>,
    limits: Option<Limits>,
    #[schema(value_type = Option<UnarchivedOutputs>)]
    unarchived: Option<String>,
    retention: Option<RetentionDays>,
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
    destination: DestinationView,
    limits: Limits,
    unarchived: UnarchivedOutputs,
    /// The tenant's own terms; what is left out is as the operator's bounds say.
    retention: RetentionDays,
    /// The account that the bucket must belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    bucket_owner: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    /// The ExternalId that the role's trust policy must require.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Signs the callbacks of `?webhook=`; shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
    /// Only in a list with `?accounts=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountView>,
}

/// Create a tenant
///
/// The secret of its `?webhook=` callbacks is in the answer, and nowhere else for the operator.
#[utoipa::path(
    post, path = "/admin/v1/tenants", tag = "tenants", operation_id = "create_tenant",
    params(("force" = Option<bool>, Query, description = "trust claims that users can edit")),
    request_body = TenantRequest,
    responses((status = 201, description = "the new tenant", body = TenantView),
        (status = 409, description = "a tenant of this id, or an issuer that another tenant trusts too")),
    security(("admin_token" = [])))]
pub(crate) async fn create(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    query: Query,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<TenantView>), Problem> {
    let request: TenantRequest = body.document().await?;
    let id = TenantId::parse(&request.id).map_err(|error| error.field("id"))?;
    let new = NewTenant {
        trust: TrustDraft::complete_all(request.trust, &id)?,
        force: query.flag("force")?,
        id,
        destination: request.destination.parse()?,
        limits: request.limits,
        unarchived: unarchived(request.unarchived.as_deref())?.unwrap_or_default(),
        retention: request.retention,
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
    params(("accounts" = Option<bool>, Query, description = "each with its account")),
    responses((status = 200, description = "all tenants", body = Vec<TenantView>)),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(operator): State<Arc<Operator>>,
    State(reads): State<Arc<Reads>>,
    query: Query,
) -> Answer<Vec<TenantView>> {
    if !query.flag("accounts")? {
        let tenants = operator.tenants().await?;
        return Ok(Json(tenants.into_iter().map(view).collect()));
    }
    let _turn = reads.turn_of(Subject::Tenants).await?;
    let tenants = operator.tenants_with_accounts().await?;
    let with_account = async |(tenant, account): (Tenant, Account)| {
        let account = accounts::with_month(&operator, &tenant.id, &account).await?;
        Ok(TenantView {
            account: Some(account),
            ..view(tenant)
        })
    };
    let views = stream::iter(tenants).map(with_account);
    let views: Result<Vec<TenantView>> = views.buffered(MONTHS_AT_ONCE).try_collect().await;
    Ok(Json(views?))
}

/// List the ids of the tenants
///
/// Also of those whose record cannot be read.
#[utoipa::path(
    get, path = "/admin/v1/tenant-ids", tag = "tenants", operation_id = "list_tenant_ids",
    params(("deleted" = Option<bool>, Query, description = "`true` to list deleted tenants that left money or tasks, too")),
    responses((status = 200, description = "all ids, in order", body = Vec<String>)),
    security(("admin_token" = [])))]
pub(crate) async fn ids(
    State(operator): State<Arc<Operator>>,
    query: Query,
) -> Answer<Vec<TenantId>> {
    Ok(Json(match query.flag("deleted")? {
        true => operator.tenant_ids_with_deleted().await?,
        false => operator.tenant_ids().await?,
    }))
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
    params(("id" = String, Path, description = "the tenant's id"), ("force" = Option<bool>, Query, description = "trust claims that users can edit")),
    request_body = ChangeRequest,
    responses((status = 200, description = "the tenant as it is now", body = TenantView),
        (status = 409, description = "somebody changed it meanwhile, or an issuer that another tenant trusts too")),
    security(("admin_token" = [])))]
pub(crate) async fn change(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    query: Query,
    body: RawBody,
) -> Answer<TenantView> {
    let (id, request): (_, ChangeRequest) = (tenant_id(&id)?, body.document().await?);
    let destination = request
        .destination
        .map(DestinationRequest::parse)
        .transpose()?;
    let unarchived = unarchived(request.unarchived.as_deref())?;
    let trust = request
        .trust
        .map(|drafts| TrustDraft::complete_all(drafts, &id))
        .transpose()?;
    let change = TenantChange {
        trust,
        force: query.flag("force")?,
        destination,
        limits: request.limits,
        unarchived,
        retention: request.retention,
    };
    Ok(Json(view(operator.change(&id, change, &actor).await?)))
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
    ScopedCaller(caller): ScopedCaller,
    Path(id): Path<String>,
    query: Query,
) -> std::result::Result<StatusCode, Problem> {
    let deletion = Deletion {
        forget_balance: query.flag("forget_balance")?,
    };
    if deletion.forget_balance {
        caller.require(AdminScope::Money)?;
    }
    operator
        .delete(&tenant_id(&id)?, deletion, &caller.actor)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn tenant_id(text: &str) -> Result<TenantId> {
    TenantId::parse(text)
        .map_err(|_| Error::not_found(format!("there is no tenant '{}'", echo(text))))
}

fn unarchived(text: Option<&str>) -> Result<Option<UnarchivedOutputs>> {
    text.map(UnarchivedOutputs::parse).transpose()
}

fn view(tenant: Tenant) -> TenantView {
    let destination = DestinationView::of(&tenant.destination);
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
        destination,
        bucket_owner: tenant.destination.bucket_owner,
        limits: tenant.limits,
        unarchived: tenant.unarchived,
        retention: tenant.retention,
        role_arn,
        external_id,
        webhook_secret: None,
        account: None,
    }
}
