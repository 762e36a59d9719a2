//! Request bodies: bounded, JSON, and objects.

use std::collections::BTreeMap;
use std::io;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use fluxgate_core::{Error, Kind, Result};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
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

    /// An object whose values are read only when they are few: a tree of millions of small nodes takes a hundred times its
    /// text in memory.
    pub(crate) fn object(self) -> Result<Map<String, Value>> {
        let raw: BTreeMap<String, Box<RawValue>> = self.json()?;
        raw.into_iter().map(|(name, value)| Ok((name.clone(), parsed(name, &value)?))).collect()
    }

    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T> {
        let bytes = self.0?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!("the body is not the JSON expected here: {error}");
            Error::invalid("invalid_json", text)
        })
    }
}

/// Nodes of one input: far more than any model takes.
const NODES_MAX: usize = 10_000;

fn parsed(name: String, raw: &RawValue) -> Result<Value> {
    let text = raw.get();
    let nodes = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if nodes > NODES_MAX && !text.starts_with('"') {
        let text = format!("the parameter '{name}' has more than {NODES_MAX} parts");
        return Err(Error::new(Kind::TooLarge, "parameter_too_large", text).field(name));
    }
    serde_json::from_str(text).map_err(|error| {
        Error::invalid("invalid_json", format!("the parameter '{name}' is not valid JSON: {error}")).field(name)
    })
}

fn refusal(rejection: BytesRejection) -> Error {
    if is_timeout(&rejection) {
        return too_slow();
    }
    let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
    if too_large {
        let text = "the body is larger than this gateway takes; upload the picture and send its URL instead";
        return Error::new(Kind::TooLarge, "body_too_large", text);
    }
    Error::invalid("body_unreadable", "the body broke off before its end")
}

/// Whether the server gave the client up; it says so by this kind.
pub(crate) fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|error| error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut))
}

pub(crate) fn too_slow() -> Error {
    Error::new(Kind::TooSlow, "body_too_slow", "the body came too slowly; send it again by a faster connection")
}
