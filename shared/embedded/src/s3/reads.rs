//! Running downloads, counted per bucket: one tenant may only use a share of the connections.
//!
//! They are counted after the signature check, so that nobody can use up the share of a bucket that
//! they may not read.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures::Stream;
use s3s::{S3Result, s3_error};

#[derive(Clone)]
pub(super) struct Reads {
    per_bucket_max: usize,
    by_bucket: Arc<Mutex<HashMap<String, usize>>>,
}

/// One download, until it is dropped.
pub(super) struct Read {
    reads: Reads,
    bucket: String,
}

impl Reads {
    pub(super) fn new(per_bucket_max: usize) -> Self {
        Self {
            per_bucket_max,
            by_bucket: Arc::default(),
        }
    }

    pub(super) fn begin(&self, bucket: &str) -> S3Result<Read> {
        let mut by_bucket = self.lock();
        let count = by_bucket.entry(bucket.to_owned()).or_default();
        if *count >= self.per_bucket_max {
            return Err(s3_error!(
                SlowDown,
                "too many concurrent downloads from this bucket; try again when some have finished"
            ));
        }
        *count += 1;
        Ok(Read {
            reads: self.clone(),
            bucket: bucket.to_owned(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.by_bucket
            .lock()
            .expect("no code panics while it holds the lock")
    }
}

impl Read {
    /// The bytes of this download, which ends when they are dropped.
    pub(super) fn of<S>(self, bytes: S) -> Download<S> {
        Download { bytes, _read: self }
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        let mut by_bucket = self.reads.lock();
        let left = by_bucket.get_mut(&self.bucket).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            by_bucket.remove(&self.bucket);
        }
    }
}

pub(super) struct Download<S> {
    bytes: S,
    _read: Read,
}

impl<S: Stream + Unpin> Stream for Download<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        Pin::new(&mut self.bytes).poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.bytes.size_hint()
    }
}
