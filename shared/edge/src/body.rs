//! Request bodies: bounded, counted while in memory, and parsed as strict JSON.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::{Error, Kind, Result};
use futures::StreamExt as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::in_flight::{BytesInFlight, Payer, Room};

/// The maximum body size of a route, set as a route extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyBytesMax(pub(crate) usize);

/// The maximum for routes that do not set one.
const BYTES_MAX: usize = 64 * 1024;
/// Minimum step by which the room for a body of unknown length grows.
const STEP_BYTES: usize = 16 * 1024;
/// JSON larger than this is parsed on a separate thread, so that other requests are not delayed.
const READ_BESIDE_BYTES: usize = 128 * 1024;

/// The whole body. The caller was authenticated before: unknown callers get no room for a body.
pub(crate) struct RawBody(Result<Whole>);

struct Whole {
    bytes: Bytes,
    room: Option<Room>,
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self(Whole::read(request).await))
    }
}

impl RawBody {
    pub(crate) fn bytes(self) -> Result<Bytes> {
        self.0.map(|whole| whole.bytes)
    }

    /// The JSON object, with the room that it counts against while it is in memory.
    pub(crate) async fn object(self) -> Result<(Map<String, Value>, Counted)> {
        let Whole { bytes, room } = self.0?;
        let counted = Counted {
            bytes: bytes.len(),
            _room: room,
        };
        match parsed(bytes, |bytes| json::value(bytes, JsonBounds::REQUEST)).await? {
            Value::Object(object) => Ok((object, counted)),
            _ => Err(Error::invalid(
                "invalid_json",
                "the body must be one JSON object",
            )),
        }
    }

    /// As [`Self::json`], with the room that it counts against while it is in memory.
    pub(crate) async fn counted_json<T>(self) -> Result<(T, Counted)>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let Whole { bytes, room } = self.0?;
        let counted = Counted {
            bytes: bytes.len(),
            _room: room,
        };
        let read = parsed(bytes, |bytes| json::read(bytes, JsonBounds::REQUEST));
        Ok((read.await?, counted))
    }

    pub(crate) async fn json<T: DeserializeOwned + Send + 'static>(self) -> Result<T> {
        let Whole { bytes, room: _room } = self.0?;
        parsed(bytes, |bytes| json::read(bytes, JsonBounds::REQUEST)).await
    }

    /// As [`Self::json`], for a request whose fields are all optional: no body is an empty object.
    pub(crate) async fn optional_json<T>(self) -> Result<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let Whole { bytes, room: _room } = self.0?;
        let bytes = if bytes.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            bytes
        };
        parsed(bytes, |bytes| json::read(bytes, JsonBounds::REQUEST)).await
    }

    /// A document from an operator, such as a key set or a price book, which may be long.
    pub(crate) async fn document<T: DeserializeOwned + Send + 'static>(self) -> Result<T> {
        let Whole { bytes, room: _room } = self.0?;
        parsed(bytes, |bytes| json::read(bytes, JsonBounds::DOCUMENT)).await
    }
}

/// The size of a body, counted as in flight while this value lives.
pub(crate) struct Counted {
    pub(crate) bytes: usize,
    _room: Option<Room>,
}

impl Whole {
    async fn read(request: Request) -> Result<Self> {
        let extensions = request.extensions();
        let bytes_max = extensions
            .get::<BodyBytesMax>()
            .map_or(BYTES_MAX, |max| max.0);
        let in_flight = extensions
            .get::<Arc<BytesInFlight>>()
            .zip(extensions.get::<Payer>());
        let mut room = in_flight.map(|(in_flight, payer)| in_flight.room(payer.clone()));
        let announced = announced(request.headers());
        let announced = usize::try_from(announced.unwrap_or(0))
            .ok()
            .filter(|announced| *announced <= bytes_max);
        let announced = announced.ok_or_else(|| too_large(bytes_max))?;
        grow(room.as_mut(), announced)?;
        let bytes = collect(request.into_body(), announced, bytes_max, room.as_mut()).await?;
        Ok(Self { bytes, room })
    }
}

/// How long the body is by its head.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Copies the received chunks: kept as they are, each would retain the buffer it was read into.
async fn collect(
    body: Body,
    announced: usize,
    bytes_max: usize,
    mut room: Option<&mut Room>,
) -> Result<Bytes> {
    let mut pieces = body.into_data_stream();
    let mut counted = announced;
    // Memory that was not written to is not committed yet.
    let mut bytes = Vec::with_capacity(announced);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| broken(&error))?;
        let wanted = bytes.len() + piece.len();
        if wanted > bytes_max {
            return Err(too_large(bytes_max));
        }
        if wanted > counted {
            let step = (wanted - counted).max(counted / 2).max(STEP_BYTES);
            grow(room.as_deref_mut(), step)?;
            bytes.reserve_exact(counted + step - bytes.len());
            counted += step;
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

fn grow(room: Option<&mut Room>, bytes: usize) -> Result<()> {
    room.map_or(Ok(()), |room| room.grow(bytes))
}

async fn parsed<T: Send + 'static>(bytes: Bytes, parse: fn(&[u8]) -> Result<T>) -> Result<T> {
    if bytes.len() <= READ_BESIDE_BYTES {
        return parse(&bytes);
    }
    let parsing = tokio::task::spawn_blocking(move || parse(&bytes));
    parsing.await.map_err(|error| {
        Error::internal("panic", "the body could not be processed").source(error)
    })?
}

fn too_large(bytes_max: usize) -> Error {
    let text = format!(
        "the body is larger than {bytes_max} bytes, the maximum for this path; send a smaller one"
    );
    Error::new(Kind::TooLarge, "body_too_large", text)
}

pub(crate) fn broken(error: &axum::Error) -> Error {
    if is_timeout(error) {
        return too_slow();
    }
    Error::invalid("body_unreadable", "the body ended early; send it again")
}

/// Whether the server timed out the client, which it reports with this error kind.
pub(crate) fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    })
}

pub(crate) fn too_slow() -> Error {
    Error::new(
        Kind::TooSlow,
        "body_too_slow",
        "the body arrived too slowly; send it again over a faster connection",
    )
}
