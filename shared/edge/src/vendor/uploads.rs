//! Uploads: handed on to the vendor's media store, whose URLs the model can fetch.

use std::io;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use fluxgate_core::port::Upload;
use fluxgate_core::principal::Scope;
use fluxgate_core::{Error, Kind, Result};
use futures::stream::{self, BoxStream};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::envelope::{Envelope, VendorJson, success};
use crate::bearer::VendorBearer;
use crate::body::{RawBody, is_timeout, too_slow};
use crate::error_reply::{VendorError, VendorErrorBody};
use crate::in_flight::{Payer, UPLOAD_BYTES};
use crate::state::Edge;

type Answer = std::result::Result<Json<Envelope<VendorJson>>, VendorError>;
type Chunk = io::Result<axum::body::Bytes>;
type Form = std::result::Result<Multipart, MultipartRejection>;

/// Ask for an upload ticket
///
/// `{filename,size,content_type?}` gives `data.upload` (PUT the raw bytes there with exactly its headers, and without your token)
/// and `data.download_url`.
#[utoipa::path(
    post, path = "/api/v3/media/uploads", tag = "uploads", operation_id = "upload_ticket",
    request_body(content = Value, description = "{filename, size, content_type?}"),
    responses((status = 200, body = Envelope<VendorJson>), (status = "4XX", body = VendorErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn ticket(State(edge): State<Edge>, bearer: VendorBearer, body: RawBody) -> Answer {
    allowed(&edge, &bearer).await?;
    let request = Value::Object(body.object().await?.0);
    let bytes_max = edge.fluxgate.bounds().ticket_bytes_max;
    if request.get("size").and_then(Value::as_u64).is_some_and(|size| size > bytes_max) {
        return Err(too_large(bytes_max).into());
    }
    Ok(success(VendorJson(edge.fluxgate.ports.upstream.upload_ticket(&request).await?)))
}

/// Upload a file
#[utoipa::path(
    post, path = "/api/v3/media/upload/binary", tag = "uploads", operation_id = "upload",
    request_body(content = String, content_type = "multipart/form-data", description = "one part named 'file'"),
    responses((status = 200, body = Envelope<VendorJson>), (status = "4XX", body = VendorErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn binary(edge: State<Edge>, bearer: VendorBearer, multipart: Form) -> Answer {
    upload(edge, bearer, multipart).await
}

/// Upload a file, by the legacy path
#[utoipa::path(
    post, path = "/api/v2/media/upload/binary", tag = "uploads", operation_id = "upload_v2",
    request_body(content = String, content_type = "multipart/form-data", description = "one part named 'file'"),
    responses((status = 200, body = Envelope<VendorJson>), (status = "4XX", body = VendorErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn binary_v2(edge: State<Edge>, bearer: VendorBearer, multipart: Form) -> Answer {
    upload(edge, bearer, multipart).await
}

/// Uploads are for submits, so whoever may not submit may not upload.
async fn allowed(edge: &Edge, VendorBearer(principal): &VendorBearer) -> Result<()> {
    principal.require(Scope::Submit)?;
    edge.fluxgate.submitting(&principal.tenant).await.map(drop)
}

async fn upload(State(edge): State<Edge>, bearer: VendorBearer, form: Form) -> Answer {
    allowed(&edge, &bearer).await?;
    let mut room = edge.in_flight.room(Payer::Tenant(bearer.0.tenant));
    room.grow(UPLOAD_BYTES)?;
    let multipart = form.map_err(|_| missing())?;
    let bytes_max = edge.fluxgate.bounds().upload_bytes_max as u64;
    let (head, opened) = oneshot::channel();
    // The field borrows the request, the upload must not: a task of its own pumps from one to the other, chunk by chunk.
    let pumping = tokio::spawn(pump(multipart, head, bytes_max));
    let upload = opened.await.map_err(|error| Error::internal("upload", "the upload broke off").source(error))??;
    let uploaded = edge.fluxgate.ports.upstream.upload(upload).await;
    if let (Err(_), Ok(Err(cause))) = (&uploaded, pumping.await) {
        return Err(cause.into());
    }
    Ok(success(VendorJson(uploaded?)))
}

/// Fails with what was wrong with the tenant's side of the upload.
async fn pump(mut multipart: Multipart, head: oneshot::Sender<Result<Upload>>, bytes_max: u64) -> Result<()> {
    let mut field = match file_field(&mut multipart, bytes_max).await {
        Ok(field) => field,
        Err(error) => {
            drop(head.send(Err(error)));
            return Ok(());
        }
    };
    let (sender, receiver) = mpsc::channel::<Chunk>(4);
    let opened = Upload {
        filename: field.file_name().unwrap_or("upload").to_owned(),
        content_type: field.content_type().unwrap_or("application/octet-stream").to_owned(),
        bytes: chunks(receiver),
    };
    if head.send(Ok(opened)).is_err() {
        return Ok(());
    }
    loop {
        let (chunk, failed) = match field.chunk().await {
            Ok(None) => return Ok(()),
            Ok(Some(bytes)) => (Ok(bytes), None),
            // The broken stream breaks the request upstream: half a file is never taken for a whole one.
            Err(error) => (Err(io::Error::other("the tenant's upload broke off")), Some(broken(&error, bytes_max))),
        };
        let gone = sender.send(chunk).await.is_err();
        if let Some(error) = failed {
            return Err(error);
        }
        if gone {
            return Ok(());
        }
    }
}

fn broken(error: &MultipartError, bytes_max: u64) -> Error {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(bytes_max);
    }
    if is_timeout(error) {
        return too_slow();
    }
    Error::invalid("upload_broken", "the upload broke off before its end; send it again").field("file")
}

fn missing() -> Error {
    Error::invalid("missing_parameter", "send the file as a multipart part named 'file'").field("file")
}

async fn file_field(multipart: &mut Multipart, bytes_max: u64) -> Result<Field<'_>> {
    let missing =
        || Error::invalid("missing_parameter", "send the file as a multipart part named 'file'").field("file");
    let next = multipart.next_field().await.map_err(|error| broken(&error, bytes_max))?;
    let field = next.ok_or_else(missing)?;
    if field.name() == Some("file") { Ok(field) } else { Err(missing()) }
}

fn chunks(receiver: mpsc::Receiver<Chunk>) -> BoxStream<'static, Chunk> {
    Box::pin(stream::unfold(
        receiver,
        |mut receiver| async move { receiver.recv().await.map(|chunk| (chunk, receiver)) },
    ))
}

fn too_large(bytes_max: u64) -> Error {
    Error::new(Kind::TooLarge, "upload_too_large", format!("an upload may hold {bytes_max} bytes")).field("size")
}
