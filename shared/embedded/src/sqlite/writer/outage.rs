//! Commits that fail one after the other, as on a full disk: told of once in the log, not for each
//! of them, and for as long as they go on to whoever asks.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fluxgate_core::Error;

/// A failure says nothing after this time: if nobody asks for a write because writes failed, none
/// would ever show that they are taken again.
const RECENT: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Outage {
    /// When the last commit failed; `None` if it did not.
    last: Mutex<Option<Instant>>,
}

impl Outage {
    /// A commit for so many requests failed.
    pub(super) fn failed(&self, error: &Error, requests: usize, now: Instant) {
        let error = error.with_causes();
        match self.last().replace(now) {
            None => tracing::error!(
                error,
                requests,
                "writes to the database fail and are rolled back; clients get 503; logged once until writes succeed: see to the disk's space and health"
            ),
            Some(_) => tracing::debug!(error, requests, "a commit failed and was rolled back"),
        }
    }

    /// A commit was written.
    pub(super) fn end(&self) {
        if self.last().take().is_some() {
            tracing::info!("writes to the database succeed again");
        }
    }

    pub(super) fn is_recent(&self, now: Instant) -> bool {
        let last = *self.last();
        last.is_some_and(|last| now.saturating_duration_since(last) < RECENT)
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last
            .lock()
            .expect("no code panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_the_first_failure_to_the_next_commit_and_is_forgotten_in_time() {
        let (outage, begin) = (Outage::default(), Instant::now());
        let full = Error::unavailable("disk_full", "the disk is full");
        assert!(!outage.is_recent(begin));

        outage.failed(&full, 1, begin);
        let last = begin + RECENT / 2;
        outage.failed(&full, 1, last);

        assert!(outage.is_recent(begin + RECENT));
        assert!(!outage.is_recent(last + RECENT));
        outage.end();
        assert!(!outage.is_recent(last));
    }
}
