//! Request bodies: bounded, JSON, and objects.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use fluxgate_core::{Error, Kind, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The whole body, within the router's bound; what else can go wrong is told by [`RawBody::json`].
pub(crate) struct RawBody(Result<Bytes>);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, state: &S) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self(Bytes::from_request(request, state).await.map_err(refusal)))
    }
}

impl RawBody {
    pub(crate) fn bytes(self) -> Result<Bytes> {
        self.0
    }

    pub(crate) fn object(self) -> Result<Map<String, Value>> {
        match self.json::<Value>()? {
            Value::Object(map) => Ok(map),
            _ => Err(Error::invalid("invalid_json", "the body must be a JSON object")),
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T> {
        let bytes = self.0?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!("the body is not the JSON expected here: {error}");
            Error::invalid("invalid_json", text)
        })
    }
}

fn refusal(rejection: BytesRejection) -> Error {
    let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
    if too_large {
        let text = "the body is larger than this gateway takes; upload the picture and send its URL instead";
        return Error::new(Kind::TooLarge, "body_too_large", text);
    }
    Error::invalid("body_unreadable", "the body broke off before its end")
}
