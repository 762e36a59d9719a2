//! An upload on its way in: to a file that nobody sees and that removes itself, digested as it passes.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;

use super::checksum::{Digested, Digests};

/// The most that S3 takes in one PUT.
const OBJECT_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// How long a client may pause inside an upload.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A whole upload, on disk.
pub(super) struct Received {
    pub(super) file: TempPath,
    pub(super) digested: Digested,
}

pub(super) async fn receive(folder: &Path, mut body: StreamingBlob, mut digests: Digests) -> S3Result<Received> {
    let (file, path) = tempfile::NamedTempFile::new_in(folder).map_err(S3Error::internal_error)?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut size = 0;
    while let Some(bytes) = next(&mut body).await? {
        size += bytes.len() as u64;
        if size > OBJECT_BYTES_MAX {
            return Err(s3_error!(EntityTooLarge));
        }
        digests.update(&bytes);
        file.write_all(&bytes).await.map_err(S3Error::internal_error)?;
    }
    file.flush().await.map_err(S3Error::internal_error)?;
    Ok(Received { file: path, digested: digests.finish() })
}

async fn next(body: &mut StreamingBlob) -> S3Result<Option<bytes::Bytes>> {
    match tokio::time::timeout(PAUSE_MAX, body.next()).await {
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(None) => Ok(None),
        Ok(Some(Err(error))) => Err(S3Error::with_source(S3ErrorCode::IncompleteBody, error)),
        Err(_) => Err(s3_error!(RequestTimeout)),
    }
}
