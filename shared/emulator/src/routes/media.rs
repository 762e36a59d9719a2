//! The media store: upload tickets, multipart uploads, and the files.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, HeaderMap};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Shared, output, parse};
use crate::provider::Provider;
use crate::reply::{Refusal, success};
use crate::ticket::Ticket;
use crate::upload_store::Untaken;

/// The provider's own limit.
pub(super) const UPLOAD_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// What a form may hold beside its file.
pub(super) const FORM_BYTES_MAX: u64 = 16 * 1024 * 1024;
const FILENAME_BYTES_MAX: usize = 100;
const UNTYPED: &str = "application/octet-stream";

#[derive(Deserialize)]
struct TicketRequest {
    filename: String,
    size: Option<u64>,
    content_type: Option<String>,
}

pub(super) async fn ticket(provider: Shared, body: Bytes) -> Result<Response, Refusal> {
    provider.count("upload_ticket");
    let asked: TicketRequest = parse(&body)?;
    if asked.size.is_some_and(|size| size > UPLOAD_BYTES_MAX) {
        return Err(too_large());
    }
    let content_type = asked
        .content_type
        .filter(|kind| !kind.is_empty())
        .unwrap_or_else(|| UNTYPED.to_owned());
    let path = new_path(&asked.filename);
    let download_url = format!("{}/{path}", provider.base_url);
    let token = provider.tickets.issue(Ticket {
        path,
        content_type: content_type.clone(),
        size: asked.size,
    });
    let url = format!("{}/uploads/{token}", provider.base_url);
    let upload = json!({"method": "PUT", "url": url, "headers": {"Content-Type": content_type}});
    Ok(success(
        json!({"upload": upload, "download_url": download_url}),
    ))
}

/// The upload for a ticket. The URL is the capability: no key is needed. A ticket is used up by an
/// upload that came to its end.
pub(super) async fn put(
    State(provider): Shared,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    provider.count("upload_put");
    let ticket = provider.tickets.get(&token).ok_or_else(used_up)?;
    let announced = declared_length(&headers);
    if announced.is_some_and(|length| length > UPLOAD_BYTES_MAX) {
        return Err(too_large());
    }
    let is_other = |size: u64| ticket.size.is_some_and(|asked| asked != size);
    if announced.is_some_and(is_other) {
        return Err(other_size());
    }
    let bytes_max = ticket.size.unwrap_or(UPLOAD_BYTES_MAX);
    let chunks = body.into_data_stream();
    let received = provider
        .uploads
        .receive(ticket.content_type.clone(), bytes_max, chunks);
    let upload = received.await.map_err(|untaken| match untaken {
        Untaken::TooLarge if ticket.size.is_some() => other_size(),
        untaken => refusal(untaken, |_| {
            Refusal::invalid("the upload ended before its announced size")
        }),
    })?;
    if is_other(upload.size) {
        return Err(other_size());
    }
    provider.tickets.take(&token).ok_or_else(used_up)?;
    provider.uploads.insert(ticket.path, upload);
    Ok(StatusCode::OK)
}

pub(super) async fn binary(
    State(provider): Shared,
    headers: HeaderMap,
    mut form: Multipart,
) -> Result<Response, Refusal> {
    provider.count("upload_binary");
    if declared_length(&headers).is_some_and(|length| length > UPLOAD_BYTES_MAX + FORM_BYTES_MAX) {
        return Err(too_large());
    }
    let late = provider.faults.value(|faults| faults.hang_upload_ms);
    tokio::time::sleep(Duration::from_millis(late)).await;
    let mut file = None;
    // To the end, so that a client is not cut off while it sends what stands behind the file.
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| unreadable(&error))?
    {
        if field.name() == Some("file") && file.is_none() {
            file = Some(keep(&provider, field).await?);
        }
    }
    file.map(success)
        .ok_or_else(|| Refusal::invalid("the form has no field 'file'"))
}

async fn keep(provider: &Provider, field: Field<'_>) -> Result<Value, Refusal> {
    // Some clients send a full path.
    let filename = field
        .file_name()
        .and_then(|name| name.rsplit(['/', '\\']).next())
        .unwrap_or("file")
        .to_owned();
    let content_type = field.content_type().unwrap_or(UNTYPED).to_owned();
    let kind = content_type
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let received = provider
        .uploads
        .receive(content_type, UPLOAD_BYTES_MAX, field);
    let upload = received
        .await
        .map_err(|untaken| refusal(untaken, |error| unreadable(&error)))?;
    let (path, size) = (new_path(&filename), upload.size);
    let download_url = format!("{}/{path}", provider.base_url);
    provider.uploads.insert(path, upload);
    Ok(json!({"type": kind, "download_url": download_url, "filename": filename, "size": size}))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn refusal<E>(untaken: Untaken<E>, cut: impl FnOnce(E) -> Refusal) -> Refusal {
    match untaken {
        Untaken::TooLarge => too_large(),
        Untaken::Cut(error) => cut(error),
        Untaken::Disk(error) => {
            tracing::error!(%error, "an upload could not be written to the temporary folder");
            Refusal::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "there is no room for the file",
            )
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a file has at most {UPLOAD_BYTES_MAX} bytes"),
    )
}

fn other_size() -> Refusal {
    Refusal::invalid("the file does not have the announced size")
}

fn used_up() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "the ticket is unknown, or was already used",
    )
}

fn unreadable(error: &MultipartError) -> Refusal {
    Refusal::new(error.status(), error.body_text())
}

/// A unique path for a file, which keeps as much of its name as possible.
fn new_path(filename: &str) -> String {
    let safe = |character: &char| {
        character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_')
    };
    let name: String = filename
        .chars()
        .filter(safe)
        .take(FILENAME_BYTES_MAX)
        .collect();
    let name = name.trim_start_matches('.');
    let name = if name.is_empty() { "file" } else { name };
    format!("media/{}/{name}", Uuid::now_v7().simple())
}

pub(super) async fn file(
    provider: Shared,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    provider.count("media");
    let gone = || Refusal::not_found("there is no such file");
    let upload = provider.uploads.get(&format!("media/{id}/{name}"));
    let upload = upload.ok_or_else(gone)?;
    let chunks = upload.chunks().await.map_err(|_| gone())?;
    let length = [(CONTENT_LENGTH, upload.size)];
    let body = Body::from_stream(chunks);
    Ok((output::headers(&upload.content_type), length, body).into_response())
}
