//! Bytes held until they are stored: in memory while there are few, otherwise in a file that
//! removes itself.

use std::io;
use std::mem;

use bytes::Bytes;
use fluxgate_core::port::ObjectBody;
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

/// Most pictures fit; with a dozen concurrent copies this bounds their memory.
const MEMORY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Each write to a file goes through another thread, so writes are batched.
const WRITE_BYTES: usize = 256 * 1024;

pub(super) enum Spool {
    Memory(Vec<u8>),
    File {
        file: BufWriter<File>,
        path: TempPath,
    },
}

impl Default for Spool {
    fn default() -> Self {
        Self::Memory(Vec::new())
    }
}

impl Spool {
    pub(super) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(bytes) if bytes.len() + chunk.len() <= MEMORY_BYTES_MAX => {
                bytes.extend_from_slice(chunk)
            }
            Self::Memory(bytes) => {
                let (mut file, path) = create().await?;
                file.write_all(&mem::take(bytes)).await?;
                file.write_all(chunk).await?;
                *self = Self::File { file, path };
            }
            Self::File { file, .. } => file.write_all(chunk).await?,
        }
        Ok(())
    }

    pub(super) async fn finish(self) -> io::Result<ObjectBody> {
        match self {
            Self::Memory(bytes) => Ok(ObjectBody::Memory(Bytes::from(bytes))),
            Self::File { mut file, path } => {
                // A file's last write may still be pending, and its error unseen, until it is
                // flushed.
                file.flush().await?;
                Ok(ObjectBody::File(Box::new(path)))
            }
        }
    }
}

async fn create() -> io::Result<(BufWriter<File>, TempPath)> {
    let file = tokio::task::spawn_blocking(NamedTempFile::new)
        .await
        .map_err(io::Error::other)??;
    let (file, path) = file.into_parts();
    Ok((
        BufWriter::with_capacity(WRITE_BYTES, File::from_std(file)),
        path,
    ))
}
