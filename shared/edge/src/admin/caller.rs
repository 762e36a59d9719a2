//! The caller of an admin request, set on the request by the layer that authenticated it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use fluxgate_core::tenant::Actor;
use fluxgate_core::{Error, Kind};

use crate::error_reply::Problem;

/// The caller of an authenticated request.
pub(crate) struct Caller(pub(crate) Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let nobody = || {
            Error::new(
                Kind::Forbidden,
                "operator_unknown",
                "the caller is unknown; nothing was changed",
            )
        };
        parts
            .extensions
            .get::<Actor>()
            .cloned()
            .map(Self)
            .ok_or_else(|| nobody().into())
    }
}
