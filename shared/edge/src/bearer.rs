//! The `Authorization` header, made into a principal before a handler runs.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use fluxgate_core::id::TaskId;
use fluxgate_core::principal::Principal;
use fluxgate_core::{Error, Kind};

use crate::error_reply::{Problem, VendorError};
use crate::state::Edge;

/// The principal of a request on the vendor's paths.
pub(crate) struct VendorBearer(pub(crate) Principal);

/// The principal of a request for a task's result, on the vendor's paths: `…/{id}` or `…/{id}/result`.
pub(crate) struct VendorPoller(pub(crate) Principal);

/// The principal of a request elsewhere.
pub(crate) struct Bearer(pub(crate) Principal);

impl FromRequestParts<Edge> for VendorBearer {
    type Rejection = VendorError;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, VendorError> {
        Ok(Self(counted(parts, edge).await?))
    }
}

impl FromRequestParts<Edge> for VendorPoller {
    type Rejection = VendorError;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, VendorError> {
        let principal = principal(parts, edge).await?;
        let path = parts.uri.path();
        let task = path.strip_suffix("/result").unwrap_or(path).rsplit('/').next().unwrap_or_default();
        match TaskId::parse(task) {
            Ok(task) => edge.throttle.poll(&principal, &task, parts.extensions.get())?,
            Err(_) => edge.throttle.request(&principal, parts.extensions.get())?,
        }
        Ok(Self(principal))
    }
}

impl FromRequestParts<Edge> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        Ok(Self(counted(parts, edge).await?))
    }
}

async fn counted(parts: &Parts, edge: &Edge) -> Result<Principal, Error> {
    let principal = principal(parts, edge).await?;
    edge.throttle.request(&principal, parts.extensions.get())?;
    Ok(principal)
}

async fn principal(parts: &Parts, edge: &Edge) -> Result<Principal, Error> {
    let missing = || {
        let text = "send the tenant's token as 'Authorization: Bearer <JWT>'";
        Error::new(Kind::Unauthenticated, "token_missing", text)
    };
    let header = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let text = header.to_str().map_err(|_| missing())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    edge.authenticator.authenticate(token.trim()).await
}
