//! The answer with one prediction: with its outputs as base64 where its task asked for that and
//! they are within the bound, else with links.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::provider::Prediction;
use fluxgate_core::{Error, Result};
use futures::stream;

use super::envelope::success;
use crate::error_reply::WaveSpeedError;
use crate::in_flight::{Payer, Room};
use crate::state::Edge;

/// What an inline byte takes until it is sent: itself, as base64, and that in the answer.
const MEMORY_FACTOR: usize = 4;

/// A prediction to answer with, and the room that its inline outputs take.
pub(super) struct Answered {
    prediction: Prediction,
    room: Option<Room>,
}

impl Answered {
    /// Never fails: outputs that cannot be inline are links.
    pub(super) async fn of(edge: &Edge, tenant: &TenantId, prediction: Prediction) -> Self {
        let Some(room) = room(edge, tenant, &prediction) else {
            return Self::with_links(prediction);
        };
        match read(edge, tenant, &prediction).await {
            Ok(outputs) => Self {
                prediction: Prediction {
                    outputs,
                    ..prediction
                },
                room: Some(room),
            },
            Err(error) => {
                tracing::warn!(task.id = %prediction.id, tenant.id = %tenant, error = error.with_causes(), "outputs could not be read for an answer with base64; it has links instead");
                Self::with_links(prediction)
            }
        }
    }

    fn with_links(prediction: Prediction) -> Self {
        Self {
            prediction,
            room: None,
        }
    }
}

/// Room for the outputs as base64; `None` if they are not wanted so, or cannot be.
fn room(edge: &Edge, tenant: &TenantId, prediction: &Prediction) -> Option<Room> {
    if !prediction.inline_outputs || prediction.archived != Some(true) {
        return None;
    }
    let mut sizes = prediction.objects.iter().map(|object| object.bytes);
    // A tenant's store may claim any size.
    let bytes = sizes.try_fold(0_u64, |sum, bytes| sum.checked_add(bytes?))?;
    let bytes = usize::try_from(bytes).ok()?;
    if bytes > edge.gateway.bounds().inline_output_bytes_max {
        return None;
    }
    let mut room = edge.in_flight.room(Payer::Tenant(tenant.clone()));
    room.grow(bytes.saturating_mul(MEMORY_FACTOR)).ok()?;
    Some(room)
}

async fn read(edge: &Edge, tenant: &TenantId, prediction: &Prediction) -> Result<Vec<String>> {
    let id = TaskId::parse(&prediction.id)?;
    let outputs = edge.gateway.outputs_in_base64(tenant, &id).await?;
    if outputs.len() != prediction.objects.len() {
        let text = "the task's outputs have changed";
        return Err(Error::unavailable("output_changed", text));
    }
    Ok(outputs)
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let Some(room) = self.room else {
            return success(self.prediction).into_response();
        };
        let axum::Json(envelope) = success(self.prediction);
        match serde_json::to_vec(&envelope) {
            Ok(body) => sent_with(body.into(), room),
            Err(error) => {
                let text = "the answer could not be written";
                WaveSpeedError(Error::internal("answer_unwritable", text).source(error))
                    .into_response()
            }
        }
    }
}

/// The room is given back when the body has been taken over by the connection.
fn sent_with(body: Bytes, room: Room) -> Response {
    let pieces = stream::unfold((Some(body), room), |(body, room)| async move {
        Some((std::io::Result::Ok(body?), (None, room)))
    });
    let json = [(CONTENT_TYPE, "application/json")];
    (json, Body::from_stream(pieces)).into_response()
}
