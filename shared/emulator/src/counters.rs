//! What has been asked of the emulator so far.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counts since the start. A request is counted when its handler begins, whatever its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RequestCounts {
    pub submit: u64,
    pub result: u64,
    pub list: u64,
    pub upload: u64,
    pub output: u64,
    pub bad_key: u64,
    pub webhook_attempt: u64,
    /// Webhooks that a receiver answered with 2xx.
    pub webhook_answered: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) submit: Counter,
    pub(crate) result: Counter,
    pub(crate) list: Counter,
    pub(crate) upload: Counter,
    pub(crate) output: Counter,
    pub(crate) bad_key: Counter,
    pub(crate) webhook_attempt: Counter,
    pub(crate) webhook_answered: Counter,
}

impl Counters {
    pub(crate) fn read(&self) -> RequestCounts {
        RequestCounts {
            submit: self.submit.get(),
            result: self.result.get(),
            list: self.list.get(),
            upload: self.upload.get(),
            output: self.output.get(),
            bad_key: self.bad_key.get(),
            webhook_attempt: self.webhook_attempt.get(),
            webhook_answered: self.webhook_answered.get(),
        }
    }
}
