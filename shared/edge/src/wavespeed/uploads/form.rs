//! Passes the file of a form on while it arrives. The stream ends well only after the whole form
//! was read and is in order; otherwise it breaks off, so that the provider keeps nothing of it.

use std::io;

use axum::body::Bytes;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use fluxgate_core::Result;
use fluxgate_core::port::Upload;
use futures::stream::{self, BoxStream};
use tokio::sync::{mpsc, oneshot};

use super::FILE;
use super::file_part::{content_type, file_name};
use super::refusal::{self, UploadBounds, broken};

type Chunk = io::Result<Bytes>;
type Head = oneshot::Sender<Result<Upload>>;

/// Chunks between reader and writer; each may be as large as a read from the connection.
const CHUNKS_MAX: usize = 2;

/// Passes on the first field named `file` and ignores others. Fails with errors on the tenant's
/// side.
pub(super) async fn pump(mut form: Multipart, head: Head, bounds: UploadBounds) -> Result<()> {
    let refused = loop {
        match form.next_field().await {
            Ok(Some(field)) if field.name() == Some(FILE) => {
                let Some(chunks) = pump_file(field, head, bounds).await? else {
                    return Ok(());
                };
                let ended = rest(form, bounds).await;
                if ended.is_err() {
                    break_off(&chunks).await;
                }
                return ended;
            }
            Ok(Some(_)) => {}
            Ok(None) => break refusal::missing(),
            Err(error) => break broken(&error, bounds),
        }
    };
    drop(head.send(Err(refused)));
    Ok(())
}

/// Returns the stream's open end after the whole file was passed on; `None` if nobody reads it any
/// more.
async fn pump_file(
    mut field: Field<'_>,
    head: Head,
    bounds: UploadBounds,
) -> Result<Option<mpsc::Sender<Chunk>>> {
    let filename = file_name(field.file_name().unwrap_or_default());
    let declared = field.content_type().map(str::to_owned);
    let first = match first_bytes(&mut field, bounds).await {
        Ok(first) => first,
        Err(refused) => {
            drop(head.send(Err(refused)));
            return Ok(None);
        }
    };
    let (chunks, receiver) = mpsc::channel::<Chunk>(CHUNKS_MAX);
    let upload = Upload {
        filename,
        content_type: content_type(declared, &first),
        trace: None,
        bytes: stream_of(receiver),
    };
    if head.send(Ok(upload)).is_err() {
        return Ok(None);
    }
    match copy(first, field, &chunks, bounds).await {
        Ok(true) => Ok(Some(chunks)),
        Ok(false) => Ok(None),
        Err(error) => {
            break_off(&chunks).await;
            Err(error)
        }
    }
}

async fn first_bytes(field: &mut Field<'_>, bounds: UploadBounds) -> Result<Bytes> {
    loop {
        match field.chunk().await {
            Ok(Some(bytes)) if bytes.is_empty() => {}
            Ok(Some(bytes)) => return Ok(bytes),
            Ok(None) => return Err(refusal::empty().field(FILE)),
            Err(error) => return Err(broken(&error, bounds)),
        }
    }
}

/// False if nobody reads the chunks any more.
async fn copy(
    first: Bytes,
    mut field: Field<'_>,
    chunks: &mpsc::Sender<Chunk>,
    bounds: UploadBounds,
) -> Result<bool> {
    let (mut next, mut size) = (Some(first), 0);
    while let Some(bytes) = next {
        size += bytes.len() as u64;
        if size > bounds.form_bytes_max {
            return Err(bounds.too_large(FILE));
        }
        if chunks.send(Ok(bytes)).await.is_err() {
            return Ok(false);
        }
        next = field
            .chunk()
            .await
            .map_err(|error| broken(&error, bounds))?;
    }
    Ok(true)
}

/// Aborts the request to the provider, so that half a file is never taken for a whole one.
async fn break_off(chunks: &mpsc::Sender<Chunk>) {
    let interrupted = io::Error::other("the tenant's upload was interrupted");
    drop(chunks.send(Err(interrupted)).await);
}

/// Reads what follows the file, so that the client can finish sending before it gets the answer.
async fn rest(mut form: Multipart, bounds: UploadBounds) -> Result<()> {
    let read = |error: MultipartError| broken(&error, bounds);
    while let Some(field) = form.next_field().await.map_err(read)? {
        if field.name() == Some(FILE) {
            return Err(refusal::several());
        }
    }
    Ok(())
}

fn stream_of(receiver: mpsc::Receiver<Chunk>) -> BoxStream<'static, Chunk> {
    Box::pin(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }))
}
