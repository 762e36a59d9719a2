//! A fixed window of one second, as coarse as the vendor's own limit.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(crate) struct RateLimit(Mutex<Option<(Instant, u32)>>);

impl RateLimit {
    /// True when this request is within `per_second_max`.
    pub(crate) fn admits(&self, per_second_max: u32) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match window.as_mut() {
            Some((start, count)) if now.duration_since(*start) < Duration::from_secs(1) => {
                *count += 1;
                *count <= per_second_max
            }
            _ => {
                *window = Some((now, 1));
                per_second_max > 0
            }
        }
    }
}
