//! Whose tokens are accepted, and why, for the operator.

use axum::Json;
use axum::extract::State;
use fluxgate_core::id::TenantId;
use serde::{Deserialize, Serialize};

use super::tenants::tenant_id;
use crate::auth::{Explanation, TrustProbe};
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::OperatorEdge;

type Answer<T> = std::result::Result<Json<T>, Problem>;

/// A token whose acceptance is in question.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    /// The bare token, without `Bearer`.
    token: String,
}

/// Explain a token
///
/// Says check by check why the token is accepted or not, and whom it speaks for. Shows of the token
/// what the trusts compare, and keeps nothing of it.
#[utoipa::path(
    post, path = "/admin/v1/trust/check", tag = "tenants", operation_id = "check_token",
    request_body = TokenRequest,
    responses((status = 200, description = "what was compared", body = Explanation)),
    security(("admin_token" = [])))]
pub(crate) async fn check(State(edge): State<OperatorEdge>, body: RawBody) -> Answer<Explanation> {
    explained(&edge, body, None).await
}

/// Explain a token to one tenant
///
/// As above, against the trusts of this tenant alone.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/trust/check", tag = "tenants", operation_id = "check_tenant_token",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = TokenRequest,
    responses((status = 200, description = "what was compared", body = Explanation)),
    security(("admin_token" = [])))]
pub(crate) async fn check_of_tenant(
    State(edge): State<OperatorEdge>,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<Explanation> {
    let tenant = edge.operator.tenant(&tenant_id(&id)?).await?;
    explained(&edge, body, Some(&tenant.id)).await
}

async fn explained(
    edge: &OperatorEdge,
    body: RawBody,
    tenant: Option<&TenantId>,
) -> Answer<Explanation> {
    let TokenRequest { token } = body.document().await?;
    let token = token.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token).trim();
    Ok(Json(edge.authenticator.explain(token, tenant).await?))
}

/// What became of asking a tenant's issuers for their keys.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TrustProbes {
    passed: bool,
    trusts: Vec<TrustProbe>,
}

/// Check a tenant's issuers
///
/// Fetches their keys now, and says which verify tokens and which do not, and why.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/trust/probe", tag = "tenants", operation_id = "probe_trust",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "what the issuers publish", body = TrustProbes)),
    security(("admin_token" = [])))]
pub(crate) async fn probe(
    State(edge): State<OperatorEdge>,
    Path(id): Path<String>,
) -> Answer<TrustProbes> {
    let tenant = edge.operator.tenant(&tenant_id(&id)?).await?;
    let trusts = edge.authenticator.probe(&tenant.id, tenant.trust).await;
    Ok(Json(TrustProbes {
        passed: trusts.iter().all(|trust| trust.passed),
        trusts,
    }))
}
