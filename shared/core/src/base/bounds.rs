//! Every wait, size and count that has a limit, with its unit last.

use super::rate::Rate;
use crate::base::retry::Growing;

/// When the provider's denials of a submit in doubt are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenialTerms {
    /// How many there must be at least.
    pub denials_min: u32,
    /// From the first to the last of them.
    pub span_ms: u64,
}

/// The limits of one installation. The defaults are what `--help` and
/// `shared/docs/guides/settings.md` state.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// A request body of the tenant API other than an upload.
    pub body_bytes_max: usize,
    /// Bodies in memory at once, of one tenant and of all.
    pub tenant_in_flight_bytes_max: usize,
    pub in_flight_bytes_max: usize,
    /// How often a tenant may ask that has no limit of its own.
    pub request_rate: Rate,
    /// Any input that is not a picture.
    pub input_bytes_max: usize,
    /// A picture given as a `data:` URI, decoded.
    pub data_uri_bytes_max: usize,
    /// Addresses that one submit may name: pictures and a callback.
    pub addresses_max: usize,
    /// An uploaded file.
    pub upload_bytes_max: usize,
    /// A file that a client sends to the provider itself, by a ticket.
    pub ticket_bytes_max: u64,
    /// One output.
    pub output_bytes_max: u64,
    /// Outputs of one run.
    pub outputs_max: usize,
    /// The outputs of one run as the provider names them, together: URLs, or the outputs themselves
    /// as `data:` URIs.
    pub sources_bytes_max: usize,
    /// Fetching one output, whole.
    pub output_timeout_ms: u64,
    /// One submit POST; after it the answer is ambiguous.
    pub submit_timeout_ms: u64,
    /// How long the pictures of a submit may take to be uploaded before its POST. It leaves after
    /// that, or not at all.
    pub uploads_max_ms: u64,
    /// Any other call to the provider.
    pub provider_timeout_ms: u64,
    /// How long a task may wait for its POST to be taken.
    pub admitted_max_ms: u64,
    /// How long a task may wait in the fair queue for the provider's account.
    pub fair_queue_max_ms: u64,
    /// How long an ambiguous submit may stay unresolved, when the provider's list cannot tell
    /// either.
    pub unknown_max_ms: u64,
    /// When the provider's list has denied an ambiguous submit often and long enough.
    pub denial: DenialTerms,
    /// How long a run may take at the provider.
    pub run_max_ms: u64,
    /// How long outputs may resist being copied. The next try after that decides how the task ends.
    pub archive_max_ms: u64,
    /// How long that try may take to come.
    pub archive_grace_ms: u64,
    /// How long a copy that a tenant asked for again is tried; then it may ask once more.
    pub archive_again_ms: u64,
    /// How long links to outputs may be dead although the provider, asked again, goes on naming
    /// such.
    pub dead_link_max_ms: u64,
    /// How long the provider keeps outputs, from the end of their run.
    pub outputs_kept_ms: u64,
    /// After this long in `archiving` the archive job is sent again.
    pub archive_stall_ms: u64,
    /// The watch while a run goes on. Slow when a webhook is expected, quick when polling is the
    /// only way.
    pub watch: Growing,
    /// A wake after a deferred or ambiguous submit.
    pub wake: Growing,
    /// Retries of a failed copy.
    pub archive_retry: Growing,
    /// A callback's connection and answer.
    pub callback_timeout_ms: u64,
    /// Delays between callback attempts.
    pub callback_schedule_ms: Vec<u64>,
    /// The longest `Retry-After` of a receiver that is honoured.
    pub retry_after_max_ms: u64,
    /// How long an idempotency key is remembered.
    pub idempotency_kept_ms: u64,
    /// How long a presigned output URL works. Seven days is the most that SigV4 allows.
    pub presign_expires_ms: u64,
    /// How long a sync-mode submit is held open.
    pub sync_wait_max_ms: u64,
    /// Endpoints of one tenant.
    pub endpoints_max: usize,
    /// Tasks that one question about usage or billing reads.
    pub usage_tasks_max: usize,
    /// The longest time a received job is kept from others.
    pub lease_ms: u64,
    /// Failures of one job before it becomes a dead letter.
    pub job_failures_max: u32,
}

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const MIB: usize = 1024 * 1024;

impl Default for Bounds {
    fn default() -> Self {
        Self {
            body_bytes_max: 16 * MIB,
            tenant_in_flight_bytes_max: 64 * MIB,
            in_flight_bytes_max: 256 * MIB,
            request_rate: Rate {
                per_second: 100,
                burst: 1_000,
            },
            input_bytes_max: MIB / 16,
            data_uri_bytes_max: 10 * MIB,
            addresses_max: 64,
            upload_bytes_max: 100 * MIB,
            ticket_bytes_max: 100 * MIB as u64,
            output_bytes_max: 256 * MIB as u64,
            outputs_max: 16,
            sources_bytes_max: 64 * MIB,
            output_timeout_ms: 2 * MINUTE_MS,
            submit_timeout_ms: 30 * SECOND_MS,
            uploads_max_ms: 3 * MINUTE_MS,
            provider_timeout_ms: 10 * SECOND_MS,
            admitted_max_ms: HOUR_MS,
            fair_queue_max_ms: DAY_MS,
            unknown_max_ms: HOUR_MS,
            denial: DenialTerms {
                denials_min: 4,
                span_ms: 3 * MINUTE_MS,
            },
            run_max_ms: 6 * HOUR_MS,
            archive_max_ms: DAY_MS,
            archive_grace_ms: HOUR_MS,
            archive_again_ms: 10 * MINUTE_MS,
            dead_link_max_ms: 5 * MINUTE_MS,
            outputs_kept_ms: 7 * DAY_MS,
            archive_stall_ms: 5 * MINUTE_MS,
            watch: Growing {
                first_ms: 15 * SECOND_MS,
                max_ms: 5 * MINUTE_MS,
            },
            wake: Growing {
                first_ms: SECOND_MS,
                max_ms: MINUTE_MS,
            },
            archive_retry: Growing {
                first_ms: SECOND_MS,
                max_ms: 5 * MINUTE_MS,
            },
            callback_timeout_ms: 15 * SECOND_MS,
            callback_schedule_ms: crate::base::retry::CALLBACK_SCHEDULE_MS.to_vec(),
            retry_after_max_ms: HOUR_MS,
            idempotency_kept_ms: 7 * DAY_MS,
            presign_expires_ms: 7 * DAY_MS - MINUTE_MS,
            sync_wait_max_ms: 25 * SECOND_MS,
            endpoints_max: 16,
            usage_tasks_max: 100_000,
            lease_ms: 5 * MINUTE_MS,
            job_failures_max: 20,
        }
    }
}

impl Bounds {
    /// Without a public URL no webhook will come, so the watch is the only way and looks more
    /// often.
    #[must_use]
    pub fn polling_only(mut self) -> Self {
        self.watch = Growing {
            first_ms: SECOND_MS,
            max_ms: 15 * SECOND_MS,
        };
        self
    }

    /// How long a task may live while everything runs.
    pub fn task_life_ms(&self) -> u64 {
        let archiving_ms = self.archive_max_ms.saturating_add(self.archive_grace_ms);
        [
            self.fair_queue_max_ms,
            self.admitted_max_ms,
            self.unknown_max_ms,
            self.run_max_ms,
            archiving_ms,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}
