//! Uploads to the provider's media store, streamed through.

use std::time::Duration;

use fluxgate_core::port::Upload;
use fluxgate_core::provider::lenient::Fields;
use fluxgate_core::{Error, Result};
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::exchange::{Exchange, unreadable};
use crate::trace::traced;

/// 100 MiB, the largest upload, over a connection of 10 Mbit/s with some margin.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) async fn upload(exchange: &Exchange, upload: Upload) -> Result<Value> {
    let part = Part::stream(Body::wrap_stream(upload.bytes)).file_name(upload.filename);
    let part = part.mime_str(&upload.content_type).map_err(|_| {
        Error::invalid(
            "invalid_content_type",
            "the file's content type must have the form of image/png",
        )
        .field("file")
    })?;
    let form = Form::new().part("file", part);
    let mut begun = exchange.begin_post("/api/v3/media/upload/binary").await?;
    if let Some(trace) = &upload.trace {
        begun = begun.with(|request| traced(request, trace));
    }
    let answer = exchange
        .data_named(
            "uploads",
            begun.with(|request| request.multipart(form).timeout(UPLOAD_TIMEOUT)),
        )
        .await?;
    let url = Fields::of(&answer).and_then(|fields| fields.text(&["download_url", "url"]));
    let mut answer = answer;
    answer["download_url"] =
        Value::String(url.filter(|url| !url.is_empty()).ok_or_else(unreadable)?);
    Ok(answer)
}
