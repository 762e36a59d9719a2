//! One pass over an output's bytes: bounded, hashed, sniffed, spooled.

use std::path::Path;

use fluxgate_core::digest::RunningSha256;
use fluxgate_core::media::{HEAD_BYTES, MediaType, Promise, key_extension, sniff};
use fluxgate_core::port::{FetchFailure, Fetched};

use super::failure::{empty, not_as_promised, spool_failed, too_large};
use super::room::Room;
use super::spool::Spool;

/// Maximum length of the content type from the server.
const PROVIDER_TYPE_BYTES_MAX: usize = 127;

pub(super) struct Pass {
    bytes_max: u64,
    promise: Promise,
    bytes: u64,
    sha256: RunningSha256,
    /// The first bytes, until they are enough to detect the type.
    head: Vec<u8>,
    media_type: Option<MediaType>,
    spool: Spool,
}

impl Pass {
    /// What has no room in memory is written to `spool_in`.
    pub(super) fn new(bytes_max: u64, promise: Promise, spool_in: &Path, room: Room) -> Self {
        Self {
            bytes_max,
            promise,
            bytes: 0,
            sha256: RunningSha256::default(),
            head: Vec::new(),
            media_type: None,
            spool: Spool::new(spool_in, room),
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

    /// `source` is where it came from, as the provider gave it.
    pub(super) async fn finish(
        self,
        source: &str,
        provider_type: Option<String>,
    ) -> Result<Fetched, FetchFailure> {
        if self.bytes == 0 {
            return Err(empty());
        }
        let media_type = match self.media_type {
            Some(media_type) => media_type,
            None => promised(self.promise, &self.head)?,
        };
        Ok(Fetched {
            body: self.spool.finish(self.bytes).await.map_err(spool_failed)?,
            bytes: self.bytes,
            sha256: self.sha256.finish(),
            content_type: media_type.content_type,
            extension: key_extension(source, &media_type),
            provider_type: provider_type.and_then(|told| noted(&told)),
        })
    }

    /// A large web page is refused at its start, before the disk has stored all of it.
    fn sniff_early(&mut self, chunk: &[u8]) -> Result<(), FetchFailure> {
        let missing = HEAD_BYTES - self.head.len();
        self.head
            .extend_from_slice(&chunk[..chunk.len().min(missing)]);
        if self.media_type.is_none() && self.head.len() == HEAD_BYTES {
            self.media_type = Some(promised(self.promise, &self.head)?);
        }
        Ok(())
    }
}

fn promised(promise: Promise, head: &[u8]) -> Result<MediaType, FetchFailure> {
    let found = sniff(head);
    if promise.is_broken_by(found.family) {
        Err(not_as_promised())
    } else {
        Ok(found)
    }
}

/// Reduced to characters that a header may contain, and bounded.
fn noted(told: &str) -> Option<String> {
    let told: String = told
        .chars()
        .filter(|sign| matches!(sign, ' '..='~'))
        .take(PROVIDER_TYPE_BYTES_MAX)
        .collect();
    let told = told.trim();
    (!told.is_empty()).then(|| told.to_owned())
}
