//! The caller of an admin request, set on the request by the layer that authenticated it.

use axum::extract::{FromRequestParts, Request};
use axum::http::Extensions;
use axum::http::request::Parts;
use fluxgate_core::admin::{AdminCaller, AdminScope};
use fluxgate_core::tenant::Actor;
use fluxgate_core::{Error, Kind, Result};

use crate::error_reply::Problem;

/// The caller of an authenticated request.
pub(crate) struct Caller(pub(crate) Actor);

/// The same, with what it may do.
pub(crate) struct ScopedCaller(pub(crate) AdminCaller);

/// Sets the caller of a request that was authenticated.
pub fn authenticated(request: &mut Request, caller: AdminCaller) {
    request.extensions_mut().insert(caller.actor.clone());
    request.extensions_mut().insert(caller);
}

/// Kind `Forbidden` with code `operator_unknown` for a request that nobody authenticated. An actor
/// that whoever serves the router set alone may do everything.
pub(super) fn caller(extensions: &Extensions) -> Result<AdminCaller> {
    let scoped = extensions.get::<AdminCaller>().cloned();
    let trusted = || {
        Some(AdminCaller {
            actor: extensions.get::<Actor>()?.clone(),
            scopes: AdminScope::all(),
        })
    };
    scoped.or_else(trusted).ok_or_else(|| {
        Error::new(
            Kind::Forbidden,
            "operator_unknown",
            "the caller is unknown; nothing was changed",
        )
    })
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Problem> {
        Ok(Self(caller(&parts.extensions)?.actor))
    }
}

impl<S: Sync> FromRequestParts<S> for ScopedCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Problem> {
        Ok(Self(caller(&parts.extensions)?))
    }
}
