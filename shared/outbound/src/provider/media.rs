//! Uploads to the provider's media store, streamed through.

use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::port::Upload;
use fluxgate_core::provider::lenient::Fields;
use fluxgate_core::{Error, Result};
use hyper::header::HeaderValue;
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::exchange::{Exchange, unreadable};
use super::stall::{Pace, Paced};
use super::unavailable;

/// How long the provider may take no bytes, or leave us without its answer after the last. The file
/// may take longer: it comes as fast as its tenant sends it, which the listener bounds.
const STALL_MAX: Duration = Duration::from_secs(120);

pub(super) async fn upload(exchange: &Exchange, upload: Upload) -> Result<Value> {
    let pace = Pace::start();
    tokio::select! {
        answer = send(exchange, upload, &pace) => answer,
        () = pace.stalled(STALL_MAX) => Err(stalled()),
    }
}

fn stalled() -> Error {
    let text = format!(
        "did not go on with the upload for {} s; send the file again",
        STALL_MAX.as_secs()
    );
    unavailable("provider_unavailable", &text)
}

async fn send(exchange: &Exchange, upload: Upload, pace: &Arc<Pace>) -> Result<Value> {
    let bytes = Paced {
        chunks: upload.bytes,
        pace: pace.clone(),
    };
    let part = Part::stream(Body::wrap_stream(bytes)).file_name(upload.filename);
    let part = part.mime_str(&upload.content_type).map_err(|_| {
        Error::invalid(
            "invalid_content_type",
            "the file's content type must have the form of image/png",
        )
        .field("file")
    })?;
    let form = Form::new().part("file", part);
    let boundary = format!("multipart/form-data; boundary={}", form.boundary());
    let boundary = HeaderValue::try_from(boundary).map_err(|_| unreadable())?;
    let mut begun = exchange.begin_post("/api/v3/media/upload/binary").await?;
    if let Some(trace) = &upload.trace {
        begun = begun.traced(trace);
    }
    let begun = begun.body(boundary, Body::wrap_stream(form.into_stream()));
    let answer = exchange.data_named("uploads", begun).await?;
    let url = Fields::of(&answer).and_then(|fields| fields.text(&["download_url", "url"]));
    let mut answer = answer;
    answer["download_url"] =
        Value::String(url.filter(|url| !url.is_empty()).ok_or_else(unreadable)?);
    Ok(answer)
}
