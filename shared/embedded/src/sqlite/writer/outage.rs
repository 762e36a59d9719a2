//! Commits that fail one after the other, as on a full disk: told of once in the log, not for each
//! of them, and for as long as they go on to whoever asks.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fluxgate_core::Error;

/// So long after a failure, or a trial, another trial shows whether writes are taken again: if
/// nobody asks for a write because writes failed, none would ever show it.
const TRIAL_AFTER: Duration = Duration::from_secs(10);

/// What is known of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commits {
    Succeed,
    Fail,
    /// They failed, and whoever asks is to try one.
    Doubted,
}

#[derive(Default)]
pub(super) struct Outage {
    /// When the last commit failed or a trial began; `None` if the last one was written.
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

    /// Of those who ask at the same time one is to try.
    pub(super) fn look(&self, now: Instant) -> Commits {
        let mut last = self.last();
        match *last {
            None => Commits::Succeed,
            Some(at) if now.saturating_duration_since(at) < TRIAL_AFTER => Commits::Fail,
            Some(_) => {
                *last = Some(now);
                Commits::Doubted
            }
        }
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
    fn it_goes_on_from_the_first_failure_to_the_next_commit_and_is_tried_in_time() {
        let (outage, begin) = (Outage::default(), Instant::now());
        let full = Error::unavailable("disk_full", "the disk is full");
        assert_eq!(outage.look(begin), Commits::Succeed);

        outage.failed(&full, 1, begin);
        let last = begin + TRIAL_AFTER / 2;
        outage.failed(&full, 1, last);

        assert_eq!(outage.look(begin + TRIAL_AFTER), Commits::Fail);
        let tried = last + TRIAL_AFTER;
        assert_eq!(outage.look(tried), Commits::Doubted);
        assert_eq!(outage.look(tried), Commits::Fail);
        assert_eq!(outage.look(tried + TRIAL_AFTER), Commits::Doubted);
        outage.end();
        assert_eq!(outage.look(tried), Commits::Succeed);
    }
}
