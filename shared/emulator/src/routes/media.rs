//! The media store: upload tickets, multipart uploads, and the files.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Shared, output, parse};
use crate::file_store::File;
use crate::provider::Provider;
use crate::reply::{Refusal, success};
use crate::ticket::Ticket;

/// Above the default limit of a gateway in front of it, so that the gateway's limit applies.
pub(super) const UPLOAD_BYTES_MAX: usize = 128 * 1024 * 1024;
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
    if asked
        .size
        .is_some_and(|size| size > UPLOAD_BYTES_MAX as u64)
    {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("at most {UPLOAD_BYTES_MAX} bytes"),
        ));
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

/// The upload for a ticket. The URL is the capability: no key is needed.
pub(super) async fn put(
    provider: Shared,
    Path(token): Path<String>,
    bytes: Bytes,
) -> Result<StatusCode, Refusal> {
    provider.count("upload_put");
    let ticket = provider.tickets.take(&token);
    let ticket = ticket.ok_or_else(|| {
        Refusal::new(
            StatusCode::FORBIDDEN,
            "the ticket is unknown, or was already used",
        )
    })?;
    if ticket.size.is_some_and(|size| size != bytes.len() as u64) {
        return Err(Refusal::invalid(
            "the file does not have the announced size",
        ));
    }
    provider.files.insert(
        ticket.path,
        File {
            bytes,
            content_type: ticket.content_type,
        },
    );
    Ok(StatusCode::OK)
}

pub(super) async fn binary(
    State(provider): Shared,
    mut form: Multipart,
) -> Result<Response, Refusal> {
    provider.count("upload_binary");
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
    let bytes = field.bytes().await.map_err(|error| unreadable(&error))?;
    let (path, size) = (new_path(&filename), bytes.len());
    let download_url = format!("{}/{path}", provider.base_url);
    let kind = content_type
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    provider.files.insert(
        path,
        File {
            bytes,
            content_type,
        },
    );
    Ok(json!({"type": kind, "download_url": download_url, "filename": filename, "size": size}))
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
    let file = provider.file(&format!("media/{id}/{name}"));
    let file = file.ok_or_else(|| Refusal::not_found("there is no such file"))?;
    Ok(output::whole(file).into_response())
}
