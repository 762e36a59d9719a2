//! Polls for a condition until a deadline, in place of sleeps.

use std::future::Future;
use std::time::{Duration, Instant};

/// The longest that anything may take on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(90);

/// Asks until the answer is there. Panics with `what` when it does not come.
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            started.elapsed() < DEADLINE,
            "waited {DEADLINE:?} for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
