//! Request bodies: bounded, counted while they are in memory, and JSON as it is meant.

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

/// The largest body of a route, set as its extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyBytesMax(pub(crate) usize);

/// A route that sets none takes no more than this.
const BYTES_MAX: usize = 64 * 1024;
/// Room for a body that does not say how long it is grows by this at least.
const STEP_BYTES: usize = 16 * 1024;
/// Reading more JSON than this is work for a thread of its own: meanwhile the others are to be
/// answered.
const READ_BESIDE_BYTES: usize = 128 * 1024;

/// The whole body. Whose it is was found out before: nobody unknown gets room for one.
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

    /// An object, and the room that it takes for as long as it is in memory.
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

    pub(crate) async fn json<T: DeserializeOwned + Send + 'static>(self) -> Result<T> {
        let Whole { bytes, room: _room } = self.0?;
        parsed(bytes, |bytes| json::read(bytes, JsonBounds::REQUEST)).await
    }

    /// What an operator sends: key sets and price books may be long.
    pub(crate) async fn document<T: DeserializeOwned + Send + 'static>(self) -> Result<T> {
        let Whole { bytes, room: _room } = self.0?;
        parsed(bytes, |bytes| json::read(bytes, JsonBounds::DOCUMENT)).await
    }
}

/// How large a body was; while this lives it counts as in flight.
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

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Copies what comes: pieces kept as they are would each keep the buffer that they were read into.
async fn collect(
    body: Body,
    announced: usize,
    bytes_max: usize,
    mut room: Option<&mut Room>,
) -> Result<Bytes> {
    let mut pieces = body.into_data_stream();
    let mut counted = announced;
    // Not touched before they are written to, these bytes take no memory yet.
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
    parsing
        .await
        .map_err(|error| Error::internal("panic", "the body could not be read").source(error))?
}

fn too_large(bytes_max: usize) -> Error {
    let text = format!(
        "the body is larger than the {bytes_max} bytes that are taken here; send a smaller one"
    );
    Error::new(Kind::TooLarge, "body_too_large", text)
}

fn broken(error: &axum::Error) -> Error {
    if is_timeout(error) {
        return too_slow();
    }
    Error::invalid(
        "body_unreadable",
        "the body broke off before its end; send it again",
    )
}

/// Whether the server gave the client up; it says so by this kind.
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
        "the body came too slowly; send it again by a faster connection",
    )
}
