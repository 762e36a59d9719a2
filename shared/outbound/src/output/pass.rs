//! One pass over an output's bytes: bounded, digested, sniffed, spooled.

use fluxgate_core::digest::RunningSha256;
use fluxgate_core::port::{FetchFailure, Fetched};

use super::failure::{empty, not_as_promised, spool_failed, too_large};
use super::media_type::{HEAD_BYTES, MediaType, sniff};
use super::spool::Spool;

pub(super) struct Pass {
    bytes_max: u64,
    bytes: u64,
    sha256: RunningSha256,
    /// The first bytes, until they are enough to tell what this is.
    head: Vec<u8>,
    media_type: Option<MediaType>,
    spool: Spool,
}

impl Pass {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            bytes: 0,
            sha256: RunningSha256::default(),
            head: Vec::new(),
            media_type: None,
            spool: Spool::default(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) async fn take(&mut self, chunk: &[u8]) -> Result<(), FetchFailure> {
        self.bytes += chunk.len() as u64;
        if self.bytes > self.bytes_max {
            return Err(too_large(self.bytes_max));
        }
        self.sniff_early(chunk)?;
        self.sha256.update(chunk);
        self.spool.write(chunk).await.map_err(spool_failed)
    }

    pub(super) async fn finish(self) -> Result<Fetched, FetchFailure> {
        if self.bytes == 0 {
            return Err(empty());
        }
        let media_type = match self.media_type {
            Some(media_type) => media_type,
            None => sniff(&self.head).ok_or_else(not_as_promised)?,
        };
        Ok(Fetched {
            body: self.spool.finish().await.map_err(spool_failed)?,
            bytes: self.bytes,
            sha256: self.sha256.finish(),
            content_type: media_type.content_type,
            extension: media_type.extension,
        })
    }

    /// A large web page is refused at its beginning, not after the disk has seen all of it.
    fn sniff_early(&mut self, chunk: &[u8]) -> Result<(), FetchFailure> {
        let missing = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&chunk[..chunk.len().min(missing)]);
        if self.media_type.is_none() && self.head.len() == HEAD_BYTES {
            self.media_type = Some(sniff(&self.head).ok_or_else(not_as_promised)?);
        }
        Ok(())
    }
}
