//! Interim answers (1xx) of a server: a few are usual, and one without end is no answer. The client
//! reads over them, however many there are, so they are counted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::{Request, ext};
use tokio::sync::Notify;

/// Servers that say that they are still at work do so every few seconds.
const INTERIM_ANSWERS_MAX: usize = 32;

/// The interim answers to one request.
#[derive(Default)]
pub(super) struct Interim {
    count: AtomicUsize,
    is_over: Notify,
}

impl Interim {
    /// Counts from now on what comes for this request over HTTP/1.
    pub(super) fn of<B>(request: &mut Request<B>) -> Arc<Self> {
        let interim = Arc::new(Self::default());
        let counted = Arc::clone(&interim);
        ext::on_informational(request, move |_| counted.one_more());
        interim
    }

    fn one_more(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed) == INTERIM_ANSWERS_MAX {
            self.is_over.notify_one();
        }
    }

    /// Ends when there were too many.
    pub(super) async fn flooded(&self) {
        self.is_over.notified().await;
    }
}
