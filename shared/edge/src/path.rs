//! Path parameters, replacing axum's extractor: errors are reported in the format of the path's
//! API.

use axum::extract::FromRequestParts;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::http::request::Parts;
use fluxgate_core::Error;
use serde::de::DeserializeOwned;

use crate::error_reply::RoutingError;

/// As [`axum::extract::Path`].
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = RoutingError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RoutingError> {
        #[expect(clippy::disallowed_types, reason = "this is its replacement")]
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|path| Self(path.0))
            .map_err(|rejection| RoutingError::new(&parts.uri, refusal(rejection)))
    }
}

fn refusal(rejection: PathRejection) -> Error {
    if let PathRejection::FailedToDeserializePathParams(failed) = &rejection
        && let ErrorKind::InvalidUtf8InPathParam { key } = failed.kind()
    {
        let text = format!(
            "'{key}' in the path is not valid UTF-8; percent-encode every byte that is not a letter or digit"
        );
        return Error::invalid("invalid_path", text).field(key.trim_start_matches('*'));
    }
    Error::internal("path", "the path could not be parsed").source(rejection)
}
