//! The limits of batches.

use crate::base::retry::Growing;

/// What a batch may be, and how fast it is admitted.
#[derive(Debug, Clone)]
pub struct BatchBounds {
    /// The body of a batch.
    pub bytes_max: usize,
    /// Lines in a batch.
    pub lines_max: u32,
    /// One line. Pictures are uploaded, and named by their URLs.
    pub line_bytes_max: usize,
    /// Batches of a tenant that have not ended.
    pub unfinished_max: u32,
    /// Tasks of one batch that run at once. The others wait as lines: they hold no money, and no
    /// place in the fair queue.
    pub in_progress_max: u32,
    /// Lines in one answer with results.
    pub results_max: usize,
    /// How long a batch is kept, from its creation.
    pub kept_ms: u64,
    /// How often the tasks of a batch are looked at while none of them changes.
    pub pace: Growing,
    /// How often a line that money or a limit refused is tried again.
    pub waiting: Growing,
    /// How long a line may find no answer, such as from the catalogue, before it is refused.
    pub unanswered_max_ms: u64,
}

const MIB: usize = 1024 * 1024;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

impl Default for BatchBounds {
    fn default() -> Self {
        Self {
            bytes_max: 64 * MIB,
            lines_max: 10_000,
            line_bytes_max: MIB / 4,
            unfinished_max: 20,
            in_progress_max: 200,
            results_max: 10_000,
            kept_ms: 30 * DAY_MS,
            pace: Growing {
                first_ms: 1_000,
                max_ms: 30_000,
            },
            waiting: Growing {
                first_ms: 2_000,
                max_ms: 5 * MINUTE_MS,
            },
            unanswered_max_ms: 60 * MINUTE_MS,
        }
    }
}
