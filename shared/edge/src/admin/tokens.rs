//! The admin tokens themselves, for operators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::admin::{AdminScope, NewAdminToken};
use fluxgate_core::app::{AdminAccess, ShownAdminToken};
use fluxgate_core::id::AdminTokenName;
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use super::caller::ScopedCaller;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::OperatorEdge;

/// Ninety days.
const LIFETIME_S: u64 = 7_776_000;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AdminTokenRequest)]
pub(crate) struct TokenRequest {
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$", example = "ci")]
    name: String,
    /// No more than the caller has itself.
    #[schema(value_type = Vec<AdminScope>, min_items = 1)]
    scopes: Vec<String>,
    /// `null` never expires.
    #[serde(default = "lifetime_s")]
    #[schema(minimum = 1, maximum = 315_360_000, default = 7_776_000)]
    expires_in_s: Option<u64>,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is the default of an optional field"
)]
fn lifetime_s() -> Option<u64> {
    Some(LIFETIME_S)
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AdminTokenRotation)]
pub(crate) struct RotationRequest {
    /// How long the old token works beside the new one; 0 revokes it at once.
    #[serde(default = "overlap_s")]
    #[schema(maximum = 2_592_000, default = 86_400)]
    overlap_s: u64,
}

/// A day: long enough to bring the new token to whatever uses the old one.
fn overlap_s() -> u64 {
    86_400
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AdminToken)]
pub(crate) struct TokenView {
    /// `folder` is the token in the data folder, which always exists.
    name: String,
    scopes: Vec<AdminScope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotated_at: Option<String>,
    /// Left out of one that never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    expired: bool,
    /// Until when the tokens work that a rotation replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_works_until: Option<String>,
    /// The token itself; shown only once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// List the admin tokens
///
/// Without the tokens themselves.
#[utoipa::path(
    get, path = "/admin/v1/tokens", tag = "operations", operation_id = "list_admin_tokens",
    responses((status = 200, description = "all admin tokens", body = Vec<TokenView>),
        (status = 404, description = "callers are authenticated by IAM; there are no tokens")),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(edge): State<OperatorEdge>,
) -> std::result::Result<Json<Vec<TokenView>>, Problem> {
    let tokens = access(&edge)?.list().await?;
    Ok(Json(tokens.into_iter().map(|it| view(it, None)).collect()))
}

/// Create an admin token
///
/// The token is in the answer, and nowhere else.
#[utoipa::path(
    post, path = "/admin/v1/tokens", tag = "operations", operation_id = "create_admin_token",
    request_body = TokenRequest,
    responses((status = 201, description = "the new token", body = TokenView),
        (status = 404, description = "callers are authenticated by IAM; there are no tokens"),
        (status = 409, description = "a token of this name, or too many tokens")),
    security(("admin_token" = [])))]
pub(crate) async fn create(
    State(edge): State<OperatorEdge>,
    ScopedCaller(caller): ScopedCaller,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<TokenView>), Problem> {
    let request: TokenRequest = body.json().await?;
    let new = NewAdminToken {
        name: AdminTokenName::parse(&request.name).map_err(|error| error.field("name"))?,
        scopes: request
            .scopes
            .iter()
            .map(|scope| AdminScope::parse(scope))
            .collect::<Result<_>>()?,
        lifetime_ms: request.expires_in_s.map(|s| s.saturating_mul(1_000)),
    };
    let (shown, secret) = access(&edge)?.create(new, &caller).await?;
    Ok((StatusCode::CREATED, Json(view(shown, Some(&secret)))))
}

/// Rotate an admin token
///
/// The new one has the same scopes and lifetime.
#[utoipa::path(
    post, path = "/admin/v1/tokens/{name}/rotate", tag = "operations", operation_id = "rotate_admin_token",
    params(("name" = String, Path, description = "the token's name")),
    request_body = Option<RotationRequest>,
    responses((status = 200, description = "the new token", body = TokenView),
        (status = 409, description = "too many tokens of this name overlap")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate(
    State(edge): State<OperatorEdge>,
    ScopedCaller(caller): ScopedCaller,
    Path(name): Path<String>,
    body: RawBody,
) -> std::result::Result<Json<TokenView>, Problem> {
    let request: RotationRequest = body.optional_json().await?;
    let overlap_ms = request.overlap_s.saturating_mul(1_000);
    let rotating = access(&edge)?;
    let (shown, secret) = rotating.rotate(&named(&name)?, overlap_ms, &caller).await?;
    Ok(Json(view(shown, Some(&secret))))
}

/// Revoke an admin token
///
/// It works no more within two seconds.
#[utoipa::path(
    delete, path = "/admin/v1/tokens/{name}", tag = "operations", operation_id = "revoke_admin_token",
    params(("name" = String, Path, description = "the token's name")),
    responses((status = 204, description = "revoked"),
        (status = 409, description = "the data folder's token can only be rotated")),
    security(("admin_token" = [])))]
pub(crate) async fn revoke(
    State(edge): State<OperatorEdge>,
    ScopedCaller(caller): ScopedCaller,
    Path(name): Path<String>,
) -> std::result::Result<StatusCode, Problem> {
    access(&edge)?.revoke(&named(&name)?, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn access(edge: &OperatorEdge) -> Result<&Arc<AdminAccess>> {
    edge.access.as_ref().ok_or_else(|| {
        let text = "callers of this admin API are authenticated by IAM, so there are no admin tokens; the template's parameter AdminScopes limits callers";
        Error::new(Kind::NotFound, "admin_tokens_unused", text)
    })
}

/// A name that cannot be one belongs to no token.
fn named(name: &str) -> Result<AdminTokenName> {
    AdminTokenName::parse(name)
        .map_err(|_| Error::not_found("there is no admin token of this name"))
}

fn view(shown: ShownAdminToken, secret: Option<&Secret>) -> TokenView {
    TokenView {
        name: shown.name,
        scopes: shown.scopes,
        created_at: shown.created_at.map(Timestamp::rfc3339),
        created_by: shown.created_by.map(|actor| actor.as_str().to_owned()),
        rotated_at: shown.rotated_at.map(Timestamp::rfc3339),
        expires_at: shown.expires_at.map(Timestamp::rfc3339),
        expired: shown.is_expired,
        old_works_until: shown.old_works_until.map(Timestamp::rfc3339),
        token: secret.map(|secret| secret.expose().to_owned()),
    }
}
