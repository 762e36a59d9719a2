//! An incoming upload, hashed while it is received: small ones in memory, large ones in a file.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;

use super::checksum::{Digested, Digests};
use crate::objects::Content;

/// S3's limit for one PUT.
const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// How long a client may pause during an upload.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Uploads up to this size stay in memory until they are written in one go.
const MEMORY_BYTES_MAX: usize = 1024 * 1024;

/// A complete upload.
pub(super) struct Received {
    pub(super) content: Content,
    pub(super) bytes: u64,
    pub(super) digested: Digested,
}

pub(super) async fn receive(
    folder: &Path,
    mut body: StreamingBlob,
    mut digests: Digests,
) -> S3Result<Received> {
    let mut memory = Vec::new();
    let mut file = None;
    let mut size = 0;
    while let Some(bytes) = next(&mut body).await? {
        size += bytes.len() as u64;
        if size > OBJECT_BYTES_MAX {
            return Err(s3_error!(EntityTooLarge));
        }
        digests.update(&bytes);
        memory.extend_from_slice(&bytes);
        if memory.len() > MEMORY_BYTES_MAX {
            spill(folder, &mut file, &mut memory)
                .await
                .map_err(S3Error::internal_error)?;
        }
    }
    if file.is_some() {
        spill(folder, &mut file, &mut memory)
            .await
            .map_err(S3Error::internal_error)?;
    }
    let content = match file {
        Some((_, path)) => Content::File(Box::new(path)),
        None => Content::Memory(memory.into()),
    };
    Ok(Received {
        content,
        bytes: size,
        digested: digests.finish(),
    })
}

type Spilled = Option<(tokio::fs::File, TempPath)>;

/// Appends the bytes in memory to the file.
async fn spill(folder: &Path, file: &mut Spilled, memory: &mut Vec<u8>) -> io::Result<()> {
    if file.is_none() {
        let (made, path) = tempfile::NamedTempFile::new_in(folder)?.into_parts();
        *file = Some((tokio::fs::File::from_std(made), path));
    }
    if let Some((file, _)) = file {
        file.write_all(memory).await?;
        file.flush().await?;
    }
    memory.clear();
    Ok(())
}

async fn next(body: &mut StreamingBlob) -> S3Result<Option<bytes::Bytes>> {
    match tokio::time::timeout(PAUSE_MAX, body.next()).await {
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(None) => Ok(None),
        Ok(Some(Err(error))) => Err(S3Error::with_source(S3ErrorCode::IncompleteBody, error)),
        Err(_) => Err(s3_error!(RequestTimeout)),
    }
}
