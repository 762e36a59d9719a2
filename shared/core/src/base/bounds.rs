//! Every limit on waits, sizes and counts. The unit comes last in each name.

mod batch;
mod copies;
mod relay;

pub use batch::BatchBounds;
pub use copies::CopyBounds;
pub use relay::{DELIVERIES_KEPT_MS, HealthTerms, RelayBounds};

use super::rate::Rate;
use crate::base::retry::Growing;
use crate::base::time::Timestamp;

/// How much denial it takes to refute a submit in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DenialTerms {
    /// Minimum number of denials.
    pub denials_min: u32,
    /// Minimum time from the first to the last of them.
    pub span_ms: u64,
}

/// The limits of one installation. The defaults are what `--help` and
/// `shared/docs/guides/settings.md` state.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Request body of the tenant API, except uploads.
    pub body_bytes_max: usize,
    /// Request bodies held in memory at once: per tenant, and in total.
    pub tenant_in_flight_bytes_max: usize,
    pub in_flight_bytes_max: usize,
    /// Request rate of a tenant without a limit of its own.
    pub request_rate: Rate,
    /// Any input other than a picture.
    pub input_bytes_max: usize,
    /// A picture given as a `data:` URI, decoded.
    pub data_uri_bytes_max: usize,
    /// Addresses in one submit: pictures and a callback.
    pub addresses_max: usize,
    /// A file that is uploaded through us, as the part of a form.
    pub upload_bytes_max: usize,
    /// A file that a client sends directly to the provider with an upload ticket.
    pub ticket_bytes_max: u64,
    /// One output.
    pub output_bytes_max: u64,
    /// All outputs of a task together, where its result carries them as base64; larger ones are
    /// links. 4 MiB as base64 fit into a Lambda's answer.
    pub inline_output_bytes_max: usize,
    /// Outputs of one run.
    pub outputs_max: usize,
    /// The total size of one run's outputs as the provider lists them: URLs, or the outputs
    /// themselves as `data:` URIs.
    pub sources_bytes_max: usize,
    /// Outputs in hand, of all tasks together.
    pub copies: CopyBounds,
    /// Fetching one output completely.
    pub output_timeout_ms: u64,
    /// One submit POST; without an answer by then it is ambiguous.
    pub submit_timeout_ms: u64,
    /// How long the uploads of a submit's pictures may take before its POST. If they take longer,
    /// the POST is not sent.
    pub uploads_max_ms: u64,
    /// Any other call to the provider.
    pub provider_timeout_ms: u64,
    /// How long a task may wait for the provider to accept its POST.
    pub admitted_max_ms: u64,
    /// How long a task may wait in the fair queue for the provider's account.
    pub fair_queue_max_ms: u64,
    /// How long an ambiguous submit may stay unresolved if the provider's list is inconclusive too.
    pub unknown_max_ms: u64,
    /// When the provider's list has denied an ambiguous submit often enough and for long enough.
    pub denial: DenialTerms,
    /// How long a run may take at the provider.
    pub run_max_ms: u64,
    /// How long copying outputs may keep failing. The next attempt after that decides how the task
    /// ends.
    pub archive_max_ms: u64,
    /// How long to wait for that attempt.
    pub archive_grace_ms: u64,
    /// How long a copy that a tenant requested again is retried; after that the tenant may request
    /// another.
    pub archive_again_ms: u64,
    /// How long links to outputs may be dead while the provider keeps answering with dead links.
    pub dead_link_max_ms: u64,
    /// How long the provider may give no answer before the operator is told.
    pub provider_down_ms: u64,
    /// How long the provider keeps outputs, from the end of their run.
    pub outputs_kept_ms: u64,
    /// After this long in `archiving`, the archive job is sent again.
    pub archive_stall_ms: u64,
    /// The watch of a running task: slow if a webhook is expected, fast if polling is the only way.
    pub watch: Growing,
    /// Looks at tasks by their watches in a second, in one process: more are spread over time, and
    /// tenants take turns. Most ask the provider about a run. On AWS the queue's concurrency is the
    /// bound.
    pub polls_per_second: u32,
    /// A wake after a deferred or ambiguous submit.
    pub wake: Growing,
    /// Retries of a failed copy.
    pub archive_retry: Growing,
    /// Callbacks, endpoints and their inboxes.
    pub relay: RelayBounds,
    pub batch: BatchBounds,
    /// How long an idempotency key is remembered.
    pub idempotency_kept_ms: u64,
    /// How long the inputs and the callback URL of a task are kept after its submit. See
    /// [`Bounds::inputs_needed_ms`].
    pub inputs_kept_ms: u64,
    /// How long a task is kept, with its timeline and its run. See
    /// [`Bounds::tasks_removed_before`].
    pub tasks_kept_ms: u64,
    /// How long a presigned output URL is valid. SigV4 allows at most seven days.
    pub presign_expires_ms: u64,
    /// How long a sync-mode submit is held open.
    pub sync_wait_max_ms: u64,
    /// Long reads of one tenant that are worked on at once, in one process: lists, results of
    /// batches, usage.
    pub reads_at_once: usize,
    /// How many more of them may wait for their turn.
    pub reads_waiting_max: usize,
    /// Long reads of all tenants that are worked on at once; and as many of operators.
    pub reads_in_all: usize,
    /// Tasks looked at for one page of a list of tasks.
    pub page_tasks_max: usize,
    /// Tasks read by one usage or billing query.
    pub usage_tasks_max: usize,
    /// How long a received job is hidden from other workers.
    pub lease_ms: u64,
    /// Failures of a job before it becomes a dead letter.
    pub job_failures_max: u32,
}

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// A month in any time zone, and a day for clocks that differ.
const MONTH_MAX_MS: u64 = 33 * DAY_MS;
/// With a quick watch a queue or a process may still be slow.
const WATCH_LATE_MIN_MS: u64 = 15 * MINUTE_MS;
const MIB: usize = 1024 * 1024;
/// The provider's "200 MB", read as generously as it can be: what it means is its to decide.
const UPLOAD_BYTES_MAX: usize = 200 * MIB;

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
            upload_bytes_max: UPLOAD_BYTES_MAX,
            ticket_bytes_max: UPLOAD_BYTES_MAX as u64,
            output_bytes_max: 256 * MIB as u64,
            inline_output_bytes_max: 4 * MIB,
            outputs_max: 16,
            sources_bytes_max: 64 * MIB,
            copies: CopyBounds::default(),
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
            provider_down_ms: MINUTE_MS,
            outputs_kept_ms: 7 * DAY_MS,
            archive_stall_ms: 5 * MINUTE_MS,
            watch: Growing {
                first_ms: 15 * SECOND_MS,
                max_ms: 5 * MINUTE_MS,
            },
            polls_per_second: 500,
            wake: Growing {
                first_ms: SECOND_MS,
                max_ms: MINUTE_MS,
            },
            archive_retry: Growing {
                first_ms: SECOND_MS,
                max_ms: 5 * MINUTE_MS,
            },
            relay: RelayBounds::default(),
            batch: BatchBounds::default(),
            idempotency_kept_ms: 7 * DAY_MS,
            inputs_kept_ms: 30 * DAY_MS,
            tasks_kept_ms: 400 * DAY_MS,
            presign_expires_ms: 7 * DAY_MS - MINUTE_MS,
            sync_wait_max_ms: 90 * SECOND_MS,
            reads_at_once: 1,
            reads_waiting_max: 64,
            reads_in_all: 8,
            page_tasks_max: 1_000,
            usage_tasks_max: 100_000,
            lease_ms: 5 * MINUTE_MS,
            job_failures_max: 20,
        }
    }
}

impl Bounds {
    /// For installations without a public URL: no webhook will come, so watches poll more often.
    #[must_use]
    pub fn polling_only(mut self) -> Self {
        self.watch = Growing {
            first_ms: SECOND_MS,
            max_ms: 15 * SECOND_MS,
        };
        self
    }

    /// How far behind the bound of its state a task may be moved: the slowest watch comes within
    /// this.
    pub fn watch_late_ms(&self) -> u64 {
        self.watch.max_ms.saturating_mul(3).max(WATCH_LATE_MIN_MS)
    }

    /// How long a task may live: as long as each of its states may take, the last of them also
    /// where nothing ran for days in between. For then its outputs are gone the provider, and it
    /// can be charged no more.
    pub fn task_life_ms(&self) -> u64 {
        let archiving_ms = self.archive_max_ms.saturating_add(self.archive_grace_ms);
        let states = [
            self.fair_queue_max_ms,
            self.admitted_max_ms,
            self.unknown_max_ms,
            self.run_max_ms,
            archiving_ms.max(self.outputs_kept_ms),
        ];
        states
            .into_iter()
            .map(|state_ms| state_ms.saturating_add(self.watch_late_ms()))
            .fold(0, u64::saturating_add)
    }

    /// Tasks that were made before this have been kept long enough: as long as the bound says, and
    /// as everything that may name them is kept. The running month is counted from its tasks.
    pub fn tasks_removed_before(&self, now: Timestamp) -> Timestamp {
        now.minus_ms(self.tasks_kept_ms.max(self.tasks_needed_ms()))
    }

    /// How long a task is kept however short its bound.
    pub fn tasks_needed_ms(&self) -> u64 {
        let named_by = [
            self.idempotency_kept_ms,
            self.relay.deliveries_kept_ms,
            self.batch.kept_ms,
            MONTH_MAX_MS,
        ];
        let needed_ms = named_by.into_iter().max().unwrap_or(0);
        self.task_life_ms().saturating_add(needed_ms)
    }

    /// For how long inputs and callback URLs are stored however short their bound: while a task may
    /// live, and then while its last callback is tried.
    pub fn inputs_needed_ms(&self) -> u64 {
        let waits = self.relay.schedule_ms.iter();
        let waits_ms = waits.map(|wait_ms| (*wait_ms).max(self.relay.retry_after_max_ms));
        // Each wait is up to a fifth longer.
        let callbacks_ms = waits_ms.fold(DAY_MS, |sum, wait_ms| {
            sum.saturating_add(wait_ms.saturating_add(wait_ms / 5))
        });
        self.task_life_ms().saturating_add(callbacks_ms)
    }

    /// When a task was made at the earliest that lives at this moment.
    pub fn earliest_made(&self, alive_at: Timestamp) -> Timestamp {
        alive_at.minus_ms(self.task_life_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_task_is_kept_as_long_as_its_bound_says() {
        let bounds = Bounds::default();

        assert_eq!(bounds.tasks_removed_before(NOW), NOW.minus_ms(400 * DAY_MS));
    }

    #[test]
    fn a_task_is_kept_as_long_as_something_names_it_however_short_its_bound() {
        let mut bounds = Bounds {
            tasks_kept_ms: 1,
            ..Bounds::default()
        };
        bounds.relay.deliveries_kept_ms = 90 * DAY_MS;

        let before = bounds.tasks_removed_before(NOW);

        let life_ms = bounds.task_life_ms();
        assert_eq!(before, NOW.minus_ms(life_ms + 90 * DAY_MS));
    }

    #[test]
    fn a_bound_beyond_all_time_keeps_tasks_for_ever() {
        let bounds = Bounds {
            tasks_kept_ms: u64::MAX,
            ..Bounds::default()
        };

        assert!(bounds.tasks_removed_before(NOW) < Timestamp(0));
    }
}
