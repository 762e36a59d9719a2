//! Taking in a batch, in one pass over its body.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use fluxgate_core::app::{BatchIntake, Batches};
use fluxgate_core::batch::Batch;
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Kind, Result};
use futures::StreamExt as _;
use tracing::Instrument as _;

use super::view::BatchView;
use crate::bearer::Bearer;
use crate::body::{announced, broken};
use crate::error_reply::Problem;
use crate::in_flight::{Payer, UPLOAD_BYTES};
use crate::state::Edge;
use crate::submission::key;

/// Create a batch
///
/// JSON lines, up to 10,000: each is the body of `POST /v1/tasks`, with `idempotency_key` and
/// `reference` (your own name for the line) if you like. A line that is no task is refused by
/// itself. The batch is stored when it is answered; its lines become tasks as limits and money
/// allow. With an `Idempotency-Key` the same lines are the same batch, as long as it is kept.
#[utoipa::path(
    post, path = "/v1/batches", tag = "batches", operation_id = "create_batch",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters, remembered as long as the batch")),
    request_body(content = String, content_type = "application/jsonl", description = "one JSON object per line",
        example = "{\"model\":\"wavespeed-ai/flux-kontext-max\",\"input\":{\"prompt\":\"a cat\",\"image\":\"https://example.com/cat.jpg\"},\"reference\":\"cat\"}\n"),
    responses(
        (status = 202, description = "the new batch", body = BatchView, headers(("Location" = String, description = "where to read it"))),
        (status = 200, description = "the batch that the key belongs to", body = BatchView, headers(("Location" = String, description = "where to read it"))),
        (status = 400, description = "no lines, or a body that ended early"),
        (status = 403, description = "a suspended tenant, or a token without the scope"),
        (status = 408, description = "the body came too slowly"),
        (status = 413, description = "too many bytes or lines"),
        (status = 415, description = "a compressed body, or a form"),
        (status = 422, description = "the Idempotency-Key was used for a batch with other lines"),
        (status = 429, description = "too many requests, or `too_many_batches`: as many have not ended as a tenant may have"),
        (status = 503, description = "not stored for certain; send it again with the same key")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn create(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<BatchView>), Problem> {
    principal.require(Scope::Submit)?;
    edge.gateway.tenant_for_submit(&principal.tenant).await?;
    check_size(&edge, &headers)?;
    let mut room = edge.in_flight.room(Payer::Tenant(principal.tenant.clone()));
    room.grow(UPLOAD_BYTES)?;
    let intake = edge
        .batches
        .intake(principal.tenant, key(&headers)?, principal.key)
        .await?;
    let taken = take_in(edge.batches.clone(), intake, request.into_body());
    // In a task of its own: if the client disconnects, what was written of the batch goes.
    let taken = tokio::spawn(taken.in_current_span()).await;
    let (batch, is_new) =
        taken.map_err(|error| Error::internal("panic", "the batch failed").source(error))??;
    drop(room);
    let status = if is_new {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let location = [(LOCATION, format!("/v1/batches/{}", batch.id))];
    Ok((status, location, Json(BatchView::of(&batch))))
}

/// Before any of it is read.
fn check_size(edge: &Edge, headers: &HeaderMap) -> Result<()> {
    let bytes_max = edge.gateway.bounds().batch.bytes_max;
    if announced(headers).is_some_and(|bytes| bytes > bytes_max as u64) {
        let text = format!(
            "the batch is larger than {bytes_max} bytes; upload its pictures, or send several batches"
        );
        return Err(Error::new(Kind::TooLarge, "body_too_large", text));
    }
    Ok(())
}

async fn take_in(
    batches: Arc<Batches>,
    mut intake: BatchIntake,
    body: Body,
) -> Result<(Batch, bool)> {
    if let Err(error) = read(&mut intake, body).await {
        intake.discard().await;
        return Err(error);
    }
    batches.create(intake).await
}

async fn read(intake: &mut BatchIntake, body: Body) -> Result<()> {
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        intake
            .piece(&piece.map_err(|error| broken(&error))?)
            .await?;
    }
    Ok(())
}
