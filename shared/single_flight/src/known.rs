//! What is known of one key: the last value, the last failure, and what they answer at a time.

use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

use crate::{Failed, Fetched};

#[derive(Clone)]
pub(crate) struct Known<V> {
    value: Option<Fetched<V>>,
    /// Until when nobody fetches, and why.
    paused: Option<(Timestamp, Error)>,
    /// When a refresh was last begun.
    pub(crate) refreshed_at: Option<Timestamp>,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Self {
            value: None,
            paused: None,
            refreshed_at: None,
        }
    }
}

impl<V: Clone> Known<V> {
    /// The answer for which nothing needs to be fetched.
    pub(crate) fn settled(&self, now: Timestamp) -> Option<Result<V>> {
        let fresh = self.value.as_ref().filter(|known| now < known.fresh_until);
        match fresh {
            Some(known) => Some(Ok(known.value.clone())),
            None => self.while_paused(now),
        }
    }

    /// The answer for which nothing may be fetched, though the value no longer holds.
    pub(crate) fn refreshed(&self, now: Timestamp, gap_ms: u64) -> Option<Result<V>> {
        let just_now = |at: Timestamp| now.since_ms(at) < gap_ms;
        let known = self
            .serving(now)
            .filter(|_| self.refreshed_at.is_some_and(just_now));
        known.map(Ok).or_else(|| self.while_paused(now))
    }

    /// What one may go on with.
    pub(crate) fn serving(&self, now: Timestamp) -> Option<V> {
        let serving = self.value.as_ref().filter(|known| now < known.serves_until);
        serving.map(|known| known.value.clone())
    }

    pub(crate) fn fetched(&mut self, fetched: Fetched<V>) -> Result<V> {
        let value = fetched.value.clone();
        (self.value, self.paused) = (Some(fetched), None);
        Ok(value)
    }

    pub(crate) fn failed(&mut self, failed: Failed, now: Timestamp) -> Result<V> {
        self.paused = Some((now.plus_ms(failed.pause_ms), failed.error.clone()));
        if !failed.temporary {
            self.value = None;
        }
        let Some(value) = self.serving(now) else {
            return Err(failed.error);
        };
        tracing::warn!(
            error = failed.error.with_causes(),
            "could not be fetched anew; going on with the value from before"
        );
        Ok(value)
    }

    fn while_paused(&self, now: Timestamp) -> Option<Result<V>> {
        let (_, error) = self.paused.as_ref().filter(|(until, _)| now < *until)?;
        let told = || error.clone().of_earlier_call();
        Some(self.serving(now).ok_or_else(told))
    }
}
