//! Bytes held until they are stored: in memory while there are few, otherwise in a file that
//! removes itself.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use fluxgate_core::port::ObjectBody;
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

/// Most pictures fit; with a dozen concurrent copies this bounds their memory.
const MEMORY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Each write to a file goes through another thread, so writes are batched.
const WRITE_BYTES: usize = 256 * 1024;

pub(super) struct Spool {
    folder: PathBuf,
    bytes: Bytes,
}

enum Bytes {
    Memory(Vec<u8>),
    File {
        file: BufWriter<File>,
        path: TempPath,
    },
}

impl Spool {
    /// Files are made in this folder. What is expected to fit into memory gets its place at once.
    pub(super) fn new(folder: &Path, expected: Option<u64>) -> Self {
        let expected = expected.and_then(|bytes| usize::try_from(bytes).ok());
        let place = expected.filter(|bytes| *bytes <= MEMORY_BYTES_MAX);
        Self {
            folder: folder.to_owned(),
            bytes: Bytes::Memory(Vec::with_capacity(place.unwrap_or(0))),
        }
    }

    pub(super) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        match &mut self.bytes {
            Bytes::Memory(bytes) if bytes.len() + chunk.len() <= MEMORY_BYTES_MAX => {
                bytes.extend_from_slice(chunk)
            }
            Bytes::Memory(bytes) => {
                let (mut file, path) = create(self.folder.clone()).await?;
                file.write_all(&mem::take(bytes)).await?;
                file.write_all(chunk).await?;
                self.bytes = Bytes::File { file, path };
            }
            Bytes::File { file, .. } => file.write_all(chunk).await?,
        }
        Ok(())
    }

    pub(super) async fn finish(self) -> io::Result<ObjectBody> {
        match self.bytes {
            Bytes::Memory(bytes) => Ok(ObjectBody::Memory(bytes.into())),
            Bytes::File { mut file, path } => {
                // A file's last write may still be pending, and its error unseen, until it is
                // flushed.
                file.flush().await?;
                Ok(ObjectBody::File(Box::new(path)))
            }
        }
    }
}

async fn create(folder: PathBuf) -> io::Result<(BufWriter<File>, TempPath)> {
    let file = tokio::task::spawn_blocking(|| NamedTempFile::new_in(folder))
        .await
        .map_err(io::Error::other)??;
    let (file, path) = file.into_parts();
    Ok((
        BufWriter::with_capacity(WRITE_BYTES, File::from_std(file)),
        path,
    ))
}
