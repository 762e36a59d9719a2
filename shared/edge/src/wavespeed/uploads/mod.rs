//! Uploads: passed through to the provider's media store, whose URLs the model can fetch.

mod by_turns;
mod file_part;
mod form;
mod refusal;
mod ticket_request;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Kind, Result};
use serde_json::Value;
use tokio::sync::oneshot;

use self::by_turns::Form;
use self::file_part::file_name;
use self::refusal::UploadBounds;
use super::envelope::{Envelope, WaveSpeedJson, success};
use super::upload_described::{TicketRequest, UploadForm, UploadTicket, Uploaded};
use crate::bearer::WaveSpeedBearer;
use crate::body::{RawBody, announced};
use crate::error_reply::WaveSpeedError;
use crate::in_flight::{Payer, UPLOAD_BYTES};
use crate::state::Edge;

pub(super) use self::refusal::FORM_BYTES_MAX;

type Answer = std::result::Result<Json<Envelope<WaveSpeedJson>>, WaveSpeedError>;

/// The form field that contains the file.
const FILE: &str = "file";

/// Request an upload ticket
///
/// The answer says where the file goes: PUT its raw bytes to `data.upload.url` with exactly the
/// headers in `data.upload.headers`, and without your token. A ticket takes one file, once.
/// `data.download_url` is then the file's URL, for the inputs of a model. On AWS this is the way
/// for files above 4 MiB.
#[utoipa::path(
    post, path = "/api/v3/media/uploads", tag = "uploads", operation_id = "upload_ticket",
    request_body(content = TicketRequest, description = "what will be uploaded"),
    responses((status = 200, description = "where to PUT the file, and the URL to give to a model", body = Envelope<UploadTicket>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn ticket(
    State(edge): State<Edge>,
    bearer: WaveSpeedBearer,
    body: RawBody,
) -> Answer {
    allowed(&edge, &bearer).await?;
    let mut request = Value::Object(body.object().await?.0);
    ticket_request::check(&request, edge.gateway.bounds().ticket_bytes_max)?;
    request["filename"] = file_name(request["filename"].as_str().unwrap_or_default()).into();
    Ok(success(WaveSpeedJson(
        edge.gateway.upload_ticket(&request).await?,
    )))
}

/// Upload a file
///
/// `data.download_url` is the file's URL, for the inputs of a model.
#[utoipa::path(
    post, path = "/api/v3/media/upload/binary", tag = "uploads", operation_id = "upload",
    request_body(content = UploadForm, content_type = "multipart/form-data", description = "one part named 'file'; other parts are ignored"),
    responses((status = 200, description = "the URL to give to a model", body = Envelope<Uploaded>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn binary(
    State(edge): State<Edge>,
    bearer: WaveSpeedBearer,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    upload(edge, bearer, &headers, form).await
}

/// Upload a file, by the legacy path
#[utoipa::path(
    post, path = "/api/v2/media/upload/binary", tag = "uploads", operation_id = "upload_v2",
    request_body(content = UploadForm, content_type = "multipart/form-data", description = "one part named 'file'; other parts are ignored"),
    responses((status = 200, description = "the URL to give to a model", body = Envelope<Uploaded>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn binary_v2(
    State(edge): State<Edge>,
    bearer: WaveSpeedBearer,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    upload(edge, bearer, &headers, form).await
}

/// Uploads are for submits, so a tenant that may not submit may not upload either.
async fn allowed(edge: &Edge, WaveSpeedBearer(principal): &WaveSpeedBearer) -> Result<()> {
    principal.require(Scope::Submit)?;
    edge.gateway
        .tenant_for_submit(&principal.tenant)
        .await
        .map(drop)
}

async fn upload(edge: Edge, bearer: WaveSpeedBearer, headers: &HeaderMap, form: Form) -> Answer {
    allowed(&edge, &bearer).await?;
    let bounds = UploadBounds::of(edge.gateway.bounds());
    bounds.admit(announced(headers))?;
    let mut room = edge.in_flight.room(Payer::Tenant(bearer.0.tenant));
    room.grow(UPLOAD_BYTES)?;
    let form = form.0.map_err(|_| refusal::missing())?;
    let (head, opened) = oneshot::channel();
    // The multipart field borrows the request, which the upload must not do: a separate task copies
    // from one to the other, chunk by chunk.
    let pumping = tokio::spawn(form::pump(form, head, bounds));
    let upload = opened
        .await
        .map_err(|error| Error::internal("upload", "the upload was interrupted").source(error))??;
    let uploaded = edge.gateway.upload(upload).await;
    // An error on the tenant's side takes precedence over what the provider answered.
    if let Ok(Err(cause)) = pumping.await {
        return Err(cause.into());
    }
    Ok(success(WaveSpeedJson(uploaded.map_err(
        |error| match error.kind {
            Kind::TooLarge => error.field(FILE),
            _ => error,
        },
    )?)))
}
