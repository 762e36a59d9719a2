//! How long the provider may stall an upload. Time that is spent waiting for the tenant's bytes
//! does not count: a file may take as long as the listener lets the tenant send it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream::BoxStream;
use tokio::time::{Instant, sleep_until};

/// Since when the provider owes the next step: taking more bytes, or its answer. `None` while we
/// wait for the tenant.
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    pub(super) fn start() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(Instant::now()))))
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the provider has let us wait for so long.
    pub(super) async fn stalled(&self, stall_max: Duration) {
        loop {
            let until = self.since().unwrap_or_else(Instant::now) + stall_max;
            sleep_until(until).await;
            let since = self.since();
            if since.is_some_and(|since| since.elapsed() >= stall_max) {
                return;
            }
        }
    }
}

/// A body whose reader is timed.
pub(super) struct Paced<T> {
    pub(super) chunks: BoxStream<'static, T>,
    pub(super) pace: Arc<Pace>,
}

impl<T> Stream for Paced<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let chunk = self.chunks.as_mut().poll_next(cx);
        let since = chunk.is_ready().then(Instant::now);
        self.pace.set(since);
        chunk
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, stream};

    use super::*;

    const STALL_MAX: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_tenant_may_take_its_time_and_the_provider_may_not() {
        let pace = Pace::start();
        let chunks = stream::iter([1]).chain(stream::pending()).boxed();
        let mut body = Paced {
            chunks,
            pace: pace.clone(),
        };

        // The chunk was taken, and the next is the tenant's to send.
        assert_eq!(body.next().await, Some(1));
        assert!(futures::poll!(body.next()).is_pending());
        let patient = tokio::time::timeout(STALL_MAX * 4, pace.stalled(STALL_MAX)).await;
        // A chunk was taken, and nobody asks for the next.
        body.chunks = stream::iter([2]).boxed();
        assert_eq!(body.next().await, Some(2));
        pace.stalled(STALL_MAX).await;

        assert!(patient.is_err());
    }
}
