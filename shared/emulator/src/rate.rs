//! Counts submits in each second since the process started.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

#[derive(Default)]
pub(crate) struct Rate(Mutex<Window>);

#[derive(Default)]
struct Window {
    second: u64,
    count: u32,
}

impl Rate {
    /// Whether one more is allowed in this second.
    pub(crate) fn admit(&self, per_second_max: u32) -> bool {
        let second = START.elapsed().as_secs();
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.second != second {
            *window = Window { second, count: 0 };
        }
        window.count += 1;
        window.count <= per_second_max
    }
}
