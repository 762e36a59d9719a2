//! Uploads: passed through to the provider's media store, whose URLs the model can fetch.

use std::io;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use fluxgate_core::media::{HEAD_BYTES, OCTET_STREAM, sniff};
use fluxgate_core::port::Upload;
use fluxgate_core::tenant::Scope;
use fluxgate_core::unprintable::is_unprintable;
use fluxgate_core::{Error, Kind, Result};
use futures::stream::{self, BoxStream};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::envelope::{Envelope, WaveSpeedJson, success};
use super::ticket_request;
use crate::bearer::WaveSpeedBearer;
use crate::body::{RawBody, is_timeout, too_slow};
use crate::error_reply::{WaveSpeedError, WaveSpeedErrorBody};
use crate::in_flight::{Payer, UPLOAD_BYTES};
use crate::state::Edge;

type Answer = std::result::Result<Json<Envelope<WaveSpeedJson>>, WaveSpeedError>;
type Chunk = io::Result<axum::body::Bytes>;
type Form = std::result::Result<Multipart, MultipartRejection>;

/// The form field that contains the file.
const FILE: &str = "file";
const FILENAME_CHARS_MAX: usize = 200;

/// Request an upload ticket
///
/// `{filename,size,content_type?}` returns `data.upload` (PUT the raw bytes there with exactly its
/// headers, and without your token) and `data.download_url`.
#[utoipa::path(
    post, path = "/api/v3/media/uploads", tag = "uploads", operation_id = "upload_ticket",
    request_body(content = Value, description = "{filename, size, content_type?}"),
    responses((status = 200, body = Envelope<WaveSpeedJson>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn ticket(
    State(edge): State<Edge>,
    bearer: WaveSpeedBearer,
    body: RawBody,
) -> Answer {
    allowed(&edge, &bearer).await?;
    let request = Value::Object(body.object().await?.0);
    ticket_request::check(&request, edge.gateway.bounds().ticket_bytes_max)?;
    Ok(success(WaveSpeedJson(
        edge.gateway.upload_ticket(&request).await?,
    )))
}

/// Upload a file
#[utoipa::path(
    post, path = "/api/v3/media/upload/binary", tag = "uploads", operation_id = "upload",
    request_body(content = String, content_type = "multipart/form-data", description = "one part named 'file'; other parts are ignored"),
    responses((status = 200, body = Envelope<WaveSpeedJson>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn binary(edge: State<Edge>, bearer: WaveSpeedBearer, multipart: Form) -> Answer {
    upload(edge, bearer, multipart).await
}

/// Upload a file, by the legacy path
#[utoipa::path(
    post, path = "/api/v2/media/upload/binary", tag = "uploads", operation_id = "upload_v2",
    request_body(content = String, content_type = "multipart/form-data", description = "one part named 'file'; other parts are ignored"),
    responses((status = 200, body = Envelope<WaveSpeedJson>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn binary_v2(
    edge: State<Edge>,
    bearer: WaveSpeedBearer,
    multipart: Form,
) -> Answer {
    upload(edge, bearer, multipart).await
}

/// Uploads are for submits, so a tenant that may not submit may not upload either.
async fn allowed(edge: &Edge, WaveSpeedBearer(principal): &WaveSpeedBearer) -> Result<()> {
    principal.require(Scope::Submit)?;
    edge.gateway
        .tenant_for_submit(&principal.tenant)
        .await
        .map(drop)
}

async fn upload(State(edge): State<Edge>, bearer: WaveSpeedBearer, form: Form) -> Answer {
    allowed(&edge, &bearer).await?;
    let mut room = edge.in_flight.room(Payer::Tenant(bearer.0.tenant));
    room.grow(UPLOAD_BYTES)?;
    let multipart = form.map_err(|_| missing())?;
    let bytes_max = edge.gateway.bounds().upload_bytes_max as u64;
    let (head, opened) = oneshot::channel();
    // The multipart field borrows the request, which the upload must not do: a separate task copies
    // from one to the other, chunk by chunk.
    let pumping = tokio::spawn(pump(multipart, head, bytes_max));
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

/// Passes on the first field named `file` and ignores fields before it. Fails with errors on the
/// tenant's side.
async fn pump(
    mut multipart: Multipart,
    head: oneshot::Sender<Result<Upload>>,
    bytes_max: u64,
) -> Result<()> {
    let whole = loop {
        let refused = match multipart.next_field().await {
            Ok(Some(field)) if field.name() == Some(FILE) => {
                break pump_file(field, head, bytes_max).await?;
            }
            Ok(Some(_)) => continue,
            Ok(None) => missing(),
            Err(error) => broken(&error, bytes_max),
        };
        drop(head.send(Err(refused)));
        return Ok(());
    };
    if whole {
        rest(multipart, bytes_max).await
    } else {
        Ok(())
    }
}

/// True if the whole file was passed on.
async fn pump_file(
    mut field: Field<'_>,
    head: oneshot::Sender<Result<Upload>>,
    bytes_max: u64,
) -> Result<bool> {
    let filename = file_name(field.file_name().unwrap_or_default());
    let declared = field.content_type().map(str::to_owned);
    let mut next = field.chunk().await;
    while matches!(&next, Ok(Some(bytes)) if bytes.is_empty()) {
        next = field.chunk().await;
    }
    if matches!(next, Ok(None)) {
        drop(head.send(Err(empty().field(FILE))));
        return Ok(false);
    }
    let first = next
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .map(|bytes| &**bytes)
        .unwrap_or_default();
    let content_type = content_type(declared, first);
    let (sender, receiver) = mpsc::channel::<Chunk>(4);
    if head
        .send(Ok(Upload {
            filename,
            content_type,
            trace: None,
            bytes: chunks(receiver),
        }))
        .is_err()
    {
        return Ok(false);
    }
    loop {
        let (chunk, failed) = match next {
            Ok(None) => return Ok(true),
            Ok(Some(bytes)) => (Ok(bytes), None),
            // The aborted stream aborts the request to the provider, so that half a file is never
            // taken for a whole one.
            Err(error) => (
                Err(io::Error::other("the tenant's upload was interrupted")),
                Some(broken(&error, bytes_max)),
            ),
        };
        let gone = sender.send(chunk).await.is_err();
        if let Some(error) = failed {
            return Err(error);
        }
        if gone {
            return Ok(false);
        }
        next = field.chunk().await;
    }
}

/// Reads what follows the file, so that the client can finish sending before it gets the answer.
async fn rest(mut multipart: Multipart, bytes_max: u64) -> Result<()> {
    while let Some(field) = multipart
        .next_field()
        .await
        .map_err(|error| broken(&error, bytes_max))?
    {
        if field.name() == Some(FILE) {
            let text = "an upload may contain only one file; send each file in its own upload";
            return Err(Error::invalid("invalid_parameter", text).field(FILE));
        }
    }
    Ok(())
}

/// The last segment of a path, since some clients send paths; without characters that end a header.
fn file_name(sent: &str) -> String {
    let name = sent.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|sign| !is_unprintable(*sign))
        .take(FILENAME_CHARS_MAX)
        .collect();
    if matches!(name.trim(), "" | "." | "..") {
        "upload".to_owned()
    } else {
        name
    }
}

/// The declared type, or if there is none, the type detected from the first bytes.
fn content_type(declared: Option<String>, first: &[u8]) -> String {
    let told = declared.filter(|declared| !declared.eq_ignore_ascii_case(OCTET_STREAM));
    told.unwrap_or_else(|| {
        sniff(&first[..first.len().min(HEAD_BYTES)])
            .content_type
            .to_owned()
    })
}

fn broken(error: &MultipartError, bytes_max: u64) -> Error {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(bytes_max);
    }
    if is_timeout(error) {
        return too_slow();
    }
    Error::invalid("upload_broken", "the upload ended early; send it again").field(FILE)
}

fn missing() -> Error {
    Error::invalid(
        "missing_parameter",
        "there is no file; send it as a multipart part named 'file'",
    )
    .field(FILE)
}

pub(super) fn empty() -> Error {
    Error::invalid("invalid_upload", "the file is empty; send one with content")
}

fn chunks(receiver: mpsc::Receiver<Chunk>) -> BoxStream<'static, Chunk> {
    Box::pin(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }))
}

pub(super) fn too_large(bytes_max: u64) -> Error {
    let text = format!(
        "the file is larger than {bytes_max} bytes, the maximum for an upload; send a smaller one"
    );
    Error::new(Kind::TooLarge, "upload_too_large", text).field("size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_the_last_part_of_its_path_and_holds_nothing_that_ends_a_header() {
        for (sent, kept) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\photos\\my \"cat\".png", "my \"cat\".png"),
            ("a\r\nx: y.png", "ax: y.png"),
            ("photos/", "upload"),
            ("..", "upload"),
            ("", "upload"),
        ] {
            assert_eq!(file_name(sent), kept, "{sent:?}");
        }
        assert_eq!(
            file_name(&"ü".repeat(999)).chars().count(),
            FILENAME_CHARS_MAX
        );
    }

    #[test]
    fn a_type_that_the_client_leaves_open_is_told_by_the_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        for (declared, first, told) in [
            (None, &png[..], "image/png"),
            (Some("application/octet-stream"), png, "image/png"),
            (Some("image/webp"), png, "image/webp"),
            (None, b"\0\x01", OCTET_STREAM),
            (None, b"", OCTET_STREAM),
        ] {
            assert_eq!(
                content_type(declared.map(str::to_owned), first),
                told,
                "{declared:?}"
            );
        }
    }
}
