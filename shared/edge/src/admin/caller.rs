//! Who calls: set on the request by whoever let it in.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use fluxgate_core::tenant::Actor;
use fluxgate_core::{Error, Kind};

use crate::error_reply::Problem;

/// The caller of a request that was let in.
pub(crate) struct Caller(pub(crate) Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let nobody = || {
            Error::new(
                Kind::Forbidden,
                "operator_unknown",
                "who calls is not known; nothing was changed",
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
