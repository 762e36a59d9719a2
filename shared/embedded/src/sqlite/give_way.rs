//! Reads run on the threads that serve requests: one that goes on for long gives way to the others.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long a thread goes on before the next read on it gives way.
const STRETCH: Duration = Duration::from_millis(1);

thread_local! {
    /// When work on this thread last gave way.
    static SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// To be awaited before each read, and while many rows are parsed.
pub(super) async fn give_way() {
    let since = SINCE.get();
    if since.is_some_and(|since| since.elapsed() < STRETCH) {
        return;
    }
    tokio::task::yield_now().await;
    SINCE.set(Some(Instant::now()));
}
