//! What local mode alone measures: of its store, its buckets and itself.

use fluxgate_core::metric::MetricKind;

/// Name, kind and help of one metric.
pub(super) type OwnMetric = (&'static str, MetricKind, &'static str);

pub(super) const COMMITS: &str = "fluxgate_commits_total";
pub(super) const COMMIT_REQUESTS: &str = "fluxgate_commit_requests_total";
pub(super) const COMMIT_SECONDS: &str = "fluxgate_commit_seconds_total";
pub(super) const COMMIT_SECONDS_HELP: &str = "How long those transactions took together.";
pub(super) const OBJECT_SYNCS: &str = "fluxgate_object_syncs_total";
pub(super) const OBJECT_BYTES: &str = "fluxgate_object_written_bytes_total";
pub(super) const QUEUE_JOBS: &str = "fluxgate_queue_jobs";
pub(super) const QUEUE_DUE: &str = "fluxgate_queue_due_jobs";
pub(super) const QUEUE_AGE: &str = "fluxgate_queue_oldest_due_age_seconds";
pub(super) const DEAD_LETTERS: &str = "fluxgate_dead_letters";
pub(super) const ACCOUNTS: &str = "fluxgate_accounts";
pub(super) const AVAILABLE: &str = "fluxgate_available_micro_usd";
pub(super) const IN_FLIGHT: &str = "fluxgate_account_tasks_in_flight";
pub(super) const WRITES_FAIL: &str = "fluxgate_writes_failing";
pub(super) const BUILD: &str = "fluxgate_build_info";

/// Each of them.
pub const METRICS: [OwnMetric; 14] = [
    (
        COMMITS,
        MetricKind::Counter,
        "Transactions committed since the start; each is one fsync of the write-ahead log.",
    ),
    (
        COMMIT_REQUESTS,
        MetricKind::Counter,
        "Writes in those transactions; divided by them, the size of a group.",
    ),
    (COMMIT_SECONDS, MetricKind::Counter, COMMIT_SECONDS_HELP),
    (
        OBJECT_SYNCS,
        MetricKind::Counter,
        "Files and folders of objects in local buckets synced since the start.",
    ),
    (
        OBJECT_BYTES,
        MetricKind::Counter,
        "Bytes of objects written to local buckets since the start.",
    ),
    (
        QUEUE_JOBS,
        MetricKind::Gauge,
        "Jobs of a lane: those of later, those that are due, and those in progress.",
    ),
    (
        QUEUE_DUE,
        MetricKind::Gauge,
        "Jobs of a lane that are due or in progress.",
    ),
    (
        QUEUE_AGE,
        MetricKind::Gauge,
        "For how long the first of a lane's due jobs has been due; a copy in progress counts.",
    ),
    (
        DEAD_LETTERS,
        MetricKind::Gauge,
        "Jobs of a lane that were given up and wait for the operator.",
    ),
    (ACCOUNTS, MetricKind::Gauge, "Tenants with an account."),
    (
        AVAILABLE,
        MetricKind::Gauge,
        "What all accounts together have available, in micro-USD.",
    ),
    (
        IN_FLIGHT,
        MetricKind::Gauge,
        "Tasks for which accounts hold money.",
    ),
    (
        WRITES_FAIL,
        MetricKind::Gauge,
        "1 while commits fail, as on a full disk; else 0.",
    ),
    (
        BUILD,
        MetricKind::Gauge,
        "Always 1; the label is the version of this program.",
    ),
];
