//! The limits of the webhook relay.

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// How long deliveries are kept unless the installation says otherwise.
pub const DELIVERIES_KEPT_MS: u64 = 30 * DAY_MS;

/// When a breaker opens, and when an endpoint that only fails is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthTerms {
    /// Consecutive failures that open the breaker.
    pub failures_to_open: u32,
    /// How long it stays open at first, and at most; it doubles with each probe that fails.
    pub open_first_ms: u64,
    pub open_max_ms: u64,
    /// After this long without one success the endpoint is disabled.
    pub failing_max_ms: u64,
}

/// Of callbacks, of the endpoints they go to, and of the inboxes of those that are read.
#[derive(Debug, Clone)]
pub struct RelayBounds {
    /// A callback: its connection and its answer.
    pub timeout_ms: u64,
    /// Callbacks under way at once to one endpoint that has no limit of its own.
    pub endpoint_concurrency: u32,
    /// When an endpoint's circuit breaker opens, and when the endpoint is disabled.
    pub health: HealthTerms,
    /// Delays between callback attempts.
    pub schedule_ms: Vec<u64>,
    /// The longest `Retry-After` that is honoured.
    pub retry_after_max_ms: u64,
    /// How long a delivery is kept after its event and its last attempt.
    pub deliveries_kept_ms: u64,
    /// For this long after an endpoint is enabled, ends of tasks may still be written that know it
    /// as disabled.
    pub enabling_settles_ms: u64,
    /// Endpoints of one tenant.
    pub endpoints_max: usize,
    /// How long a pull endpoint is kept that nobody reads.
    pub inbox_unread_max_ms: u64,
    /// How much older than now an event is before a cursor passes it for good: longer than most
    /// writes take. An event that is written later still is told with a later time.
    pub inbox_settle_ms: u64,
    /// How long one request for events may wait for the next. Zero: it answers what there is.
    pub event_stream_max_ms: u64,
    /// Requests of one tenant that wait for events, in one process.
    pub event_streams_max: usize,
}

impl Default for RelayBounds {
    fn default() -> Self {
        Self {
            timeout_ms: 15 * SECOND_MS,
            endpoint_concurrency: 16,
            health: HealthTerms {
                failures_to_open: 10,
                open_first_ms: 10 * SECOND_MS,
                open_max_ms: 5 * MINUTE_MS,
                failing_max_ms: 5 * DAY_MS,
            },
            schedule_ms: crate::base::retry::CALLBACK_SCHEDULE_MS.to_vec(),
            retry_after_max_ms: 60 * MINUTE_MS,
            deliveries_kept_ms: DELIVERIES_KEPT_MS,
            enabling_settles_ms: 15 * SECOND_MS,
            endpoints_max: 16,
            inbox_unread_max_ms: DAY_MS,
            inbox_settle_ms: 2 * SECOND_MS,
            event_stream_max_ms: 5 * MINUTE_MS,
            event_streams_max: 8,
        }
    }
}
