//! Bytes held until they are stored: in memory while there are few, otherwise in a file that
//! removes itself.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes as SharedBytes;
use fluxgate_core::port::ObjectBody;
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::room::{HeldBytes, HeldFile, Room};

/// Most pictures fit.
pub(super) const MEMORY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Each write to a file goes through another thread, so writes are batched.
const WRITE_BYTES: usize = 256 * 1024;

pub(super) struct Spool {
    folder: PathBuf,
    room: Room,
    bytes: Bytes,
}

enum Bytes {
    /// A file that is made with its first bytes.
    Unwritten,
    Memory(Vec<u8>),
    File {
        file: BufWriter<File>,
        path: TempPath,
    },
}

impl Spool {
    /// Files are made in this folder. What has its room in memory gets its place there at once.
    pub(super) fn new(folder: &Path, room: Room) -> Self {
        let bytes = match room.in_memory() {
            Some(bytes) => Bytes::Memory(Vec::with_capacity(bytes)),
            None => Bytes::Unwritten,
        };
        Self {
            folder: folder.to_owned(),
            room,
            bytes,
        }
    }

    pub(super) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        match &mut self.bytes {
            Bytes::Memory(bytes) if bytes.len() + chunk.len() <= bytes.capacity() => {
                bytes.extend_from_slice(chunk)
            }
            // More than was announced: the client has failed before that.
            Bytes::Memory(_) => return Err(io::ErrorKind::FileTooLarge.into()),
            Bytes::Unwritten => {
                let (mut file, path) = create(self.folder.clone()).await?;
                file.write_all(chunk).await?;
                self.bytes = Bytes::File { file, path };
            }
            Bytes::File { file, .. } => file.write_all(chunk).await?,
        }
        Ok(())
    }

    pub(super) async fn finish(mut self, bytes: u64) -> io::Result<ObjectBody> {
        self.room.shrink(bytes);
        match self.bytes {
            Bytes::Unwritten => Ok(ObjectBody::Memory(SharedBytes::new())),
            Bytes::Memory(bytes) => {
                let held = HeldBytes::new(bytes, self.room);
                Ok(ObjectBody::Memory(SharedBytes::from_owner(held)))
            }
            Bytes::File { mut file, path } => {
                // A file's last write may still be pending, and its error unseen, until it is
                // flushed.
                file.flush().await?;
                Ok(ObjectBody::File(Box::new(HeldFile::new(path, self.room))))
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
