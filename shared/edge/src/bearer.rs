//! Turns the `Authorization` header into a principal before a handler runs.

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use fluxgate_core::id::TaskId;
use fluxgate_core::tenant::Principal;
use fluxgate_core::{Error, Kind, Result};

use crate::error_reply::{Problem, WaveSpeedError};
use crate::in_flight::Payer;
use crate::request_line::{name_task, name_tenant};
use crate::state::Edge;

/// The principal of a request on the provider's paths.
pub(crate) struct WaveSpeedBearer(pub(crate) Principal);

/// The principal of a request for a task's result on the provider's paths: `…/{id}` or
/// `…/{id}/result`.
pub(crate) struct ProviderPoller(pub(crate) Principal);

/// The principal of a request on any other path.
pub(crate) struct Bearer(pub(crate) Principal);

impl FromRequestParts<Edge> for WaveSpeedBearer {
    type Rejection = WaveSpeedError;

    async fn from_request_parts(
        parts: &mut Parts,
        edge: &Edge,
    ) -> std::result::Result<Self, WaveSpeedError> {
        Ok(Self(counted(parts, edge).await?))
    }
}

impl FromRequestParts<Edge> for ProviderPoller {
    type Rejection = WaveSpeedError;

    async fn from_request_parts(
        parts: &mut Parts,
        edge: &Edge,
    ) -> std::result::Result<Self, WaveSpeedError> {
        let principal = principal(parts, edge).await?;
        let path = parts.uri.path();
        let task = path
            .strip_suffix("/result")
            .unwrap_or(path)
            .rsplit('/')
            .next()
            .unwrap_or_default();
        match TaskId::parse(task) {
            Ok(task) => {
                name_task(&task);
                let report = parts.extensions.get();
                edge.throttle.poll(&principal, &task, report).await?;
            }
            Err(_) => {
                let report = parts.extensions.get();
                edge.throttle.request(&principal, report).await?;
            }
        }
        Ok(Self(principal))
    }
}

impl FromRequestParts<Edge> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        edge: &Edge,
    ) -> std::result::Result<Self, Problem> {
        Ok(Self(counted(parts, edge).await?))
    }
}

async fn counted(parts: &mut Parts, edge: &Edge) -> Result<Principal> {
    let principal = principal(parts, edge).await?;
    let report = parts.extensions.get();
    edge.throttle.request(&principal, report).await?;
    Ok(principal)
}

/// Also records whose quota the body counts against.
async fn principal(parts: &mut Parts, edge: &Edge) -> Result<Principal> {
    // Apart, so that a request that is held afterwards does not hold its memory.
    let authenticating = edge.authenticator.authenticate(token(&parts.headers)?);
    let principal = Box::pin(authenticating).await?;
    name_tenant(&principal.tenant);
    if principal.key.is_some() && may_last(parts) {
        edge.authenticator.check_still(&principal).await?;
    }
    parts
        .extensions
        .insert(Payer::Tenant(principal.tenant.clone()));
    Ok(principal)
}

/// Whether the request may change what stays: then a key that was verified moments ago is looked at
/// again, because it may be revoked by now. Submits look at the tenant themselves.
fn may_last(parts: &Parts) -> bool {
    if parts.method.is_safe() {
        return false;
    }
    let path = parts.extensions.get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str);
    let is_submit = path == "/v1/tasks"
        || ["/api/v2/{", "/api/v3/{"]
            .iter()
            .any(|start| path.starts_with(start));
    !is_submit
}

/// The only bearer token. With two headers, a server in front may have checked the other one.
pub(crate) fn token(headers: &HeaderMap) -> Result<&str> {
    let refused = |code, text: &str| Error::new(Kind::Unauthenticated, code, text);
    let missing = || {
        refused(
            "token_missing",
            "send the tenant's token as 'Authorization: Bearer <JWT>'",
        )
    };
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let header = all.next().ok_or_else(missing)?;
    if all.next().is_some() {
        return Err(refused(
            "token_repeated",
            "send only one 'Authorization' header",
        ));
    }
    let (scheme, token) = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(missing())
    }
}
