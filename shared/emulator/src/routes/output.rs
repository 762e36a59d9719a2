//! The output pictures, intact or spoilt by a fault.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{AppendHeaders, IntoResponse, IntoResponseParts, Response};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};

use super::Shared;
use crate::file_store::File;
use crate::reply::Refusal;

const FLUSH_PAUSE: Duration = Duration::from_millis(50);
const HTML: &str =
    "<!doctype html><html><title>Gone</title><body>This link has expired.</body></html>";

/// In the query of a link that was returned with a result.
pub(super) const FRESH: &str = "fresh=1";

pub(super) async fn output(
    provider: Shared,
    Path((id, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    provider.count("output");
    let query = query.unwrap_or_default();
    if provider
        .faults
        .value(|faults| faults.stale_output_links.is_on())
        && query != FRESH
    {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "the link has expired (emulated)",
        ));
    }
    let hops = provider.faults.value(|faults| faults.output_redirects);
    let hop = query
        .strip_prefix("hop=")
        .and_then(|hop| hop.parse().ok())
        .unwrap_or(0);
    if hop < hops {
        return Ok((
            StatusCode::FOUND,
            [(LOCATION, format!("{name}?hop={}", hop + 1))],
        )
            .into_response());
    }
    if provider.faults.strike(|faults| &mut faults.output_404) {
        return Err(Refusal::not_found("there is no such file (emulated)"));
    }
    let file = provider.file(&format!("outputs/{id}/{name}"));
    let mut file = file.ok_or_else(|| Refusal::not_found("there is no such file"))?;
    if provider
        .faults
        .strike(|faults| &mut faults.wrong_output_type)
    {
        file.bytes = Bytes::from_static(HTML.as_bytes());
    }
    if provider.faults.strike(|faults| &mut faults.empty_output) {
        file.bytes = Bytes::new();
    }
    let bytes_per_second = provider
        .faults
        .value(|faults| faults.slow_output_bytes_per_second);
    if provider
        .faults
        .strike(|faults| &mut faults.truncated_output)
    {
        return Ok(truncated(&file));
    }
    if bytes_per_second > 0 {
        return Ok(streamed(
            &file,
            slowly(file.bytes.clone(), bytes_per_second),
        ));
    }
    Ok(whole(file))
}

/// A complete file; the server sets the length.
fn whole(file: File) -> Response {
    (headers(&file.content_type), file.bytes).into_response()
}

/// Whatever was uploaded, no page is opened in the emulator's origin.
pub(super) fn headers(content_type: &str) -> impl IntoResponseParts + use<> {
    let shown = ["image/", "video/", "audio/"]
        .iter()
        .any(|kind| content_type.starts_with(kind));
    let restricted =
        (!shown || content_type.contains("xml")).then_some([(CONTENT_DISPOSITION, "attachment")]);
    let headers = [
        (CONTENT_TYPE, content_type.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, restricted.map(AppendHeaders))
}

fn truncated(file: &File) -> Response {
    let half = stream::iter([Ok(file.bytes.slice(..file.bytes.len() / 2))]);
    let cut = stream::once(async {
        // The server only sends what it has while it waits; an immediate error would drop the
        // headers too.
        tokio::time::sleep(FLUSH_PAUSE).await;
        Err(std::io::Error::other("the output is cut off (emulated)"))
    });
    streamed(file, half.chain(cut))
}

fn streamed(
    file: &File,
    chunks: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
) -> Response {
    let headers = [
        (CONTENT_TYPE, file.content_type.clone()),
        (CONTENT_LENGTH, file.bytes.len().to_string()),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

fn slowly(bytes: Bytes, bytes_per_second: u64) -> impl Stream<Item = std::io::Result<Bytes>> {
    // Ten chunks a second; below ten bytes a second, one byte at a time.
    let size = usize::try_from(bytes_per_second / 10)
        .unwrap_or(usize::MAX)
        .max(1);
    let pause = Duration::from_secs_f64(size as f64 / bytes_per_second as f64);
    let starts = (0..bytes.len()).step_by(size);
    stream::iter(starts).then(move |start| {
        let piece = bytes.slice(start..bytes.len().min(start.saturating_add(size)));
        async move {
            tokio::time::sleep(pause).await;
            Ok(piece)
        }
    })
}
