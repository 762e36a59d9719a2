//! What is counted and measured: one table, by the `metrics` facade. Whoever runs the flows
//! installs a recorder and publishes. No label ever names a tenant.

use metrics::{counter, gauge, histogram};

/// How a metric behaves over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only ever grows.
    Counter,
    /// Stands at the value that was last seen.
    Gauge,
    /// Is asked for by its distribution.
    Histogram,
}

/// One metric, named as Prometheus has it: with its unit, and `_total` where it is counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    /// What it is told apart by, if anything. Its values are few and fixed.
    pub label: Option<&'static str>,
    /// One sentence for operators.
    pub help: &'static str,
}

pub static SUBMITS: Metric = Metric {
    name: "fluxgate_submits_total",
    kind: MetricKind::Counter,
    label: None,
    help: "Tasks that were admitted.",
};
pub static ACCOUNT_REFUSALS: Metric = Metric {
    name: "fluxgate_account_refusals_total",
    kind: MetricKind::Counter,
    label: None,
    help: "Submits and other calls that the provider refused to the whole account; tasks wait.",
};
pub static PROVIDER_CALLS: Metric = Metric {
    name: "fluxgate_provider_calls_total",
    kind: MetricKind::Counter,
    label: None,
    help: "Calls to the provider, for tasks and uploads.",
};
pub static PROVIDER_FAILURES: Metric = Metric {
    name: "fluxgate_provider_failures_total",
    kind: MetricKind::Counter,
    label: None,
    help: "Those of them that had no usable answer: none at all, or a failure of the provider's.",
};
pub static COMPLETIONS: Metric = Metric {
    name: "fluxgate_completions_total",
    kind: MetricKind::Counter,
    label: Some("via"),
    help: "Completed tasks, by how the run's end was learnt.",
};
pub static FAILURES: Metric = Metric {
    name: "fluxgate_failures_total",
    kind: MetricKind::Counter,
    label: Some("reason"),
    help: "Tasks that failed, timed out or were cancelled, by reason.",
};
pub static ARCHIVE_DURATION: Metric = Metric {
    name: "fluxgate_archive_duration_seconds",
    kind: MetricKind::Histogram,
    label: None,
    help: "Time from the end of a run until its outputs were copied.",
};
pub static CAPTURED: Metric = Metric {
    name: "fluxgate_captured_micro_usd_total",
    kind: MetricKind::Counter,
    label: None,
    help: "What was charged for completed tasks, in micro-USD.",
};
pub static CALLBACK_ATTEMPTS: Metric = Metric {
    name: "fluxgate_callback_attempts_total",
    kind: MetricKind::Counter,
    label: Some("outcome"),
    help: "POSTs of events to endpoints, by outcome.",
};
pub static DESTINATION_REFUSALS: Metric = Metric {
    name: "fluxgate_destination_refusals_total",
    kind: MetricKind::Counter,
    label: Some("code"),
    help: "Copies that a tenant's destination refused, by the error's code: the tenant's to mend.",
};
pub static DELIVERIES_EXHAUSTED: Metric = Metric {
    name: "fluxgate_deliveries_exhausted_total",
    kind: MetricKind::Counter,
    label: None,
    help: "Deliveries that used up their attempts.",
};
pub static DELIVERIES_HELD: Metric = Metric {
    name: "fluxgate_deliveries_held_total",
    kind: MetricKind::Counter,
    label: None,
    help: "Deliveries that were held because their endpoint is disabled.",
};
pub static ENDPOINTS_DISABLED: Metric = Metric {
    name: "fluxgate_endpoints_disabled_total",
    kind: MetricKind::Counter,
    label: None,
    help: "Endpoints that were disabled because they answered 410 or only failed.",
};
pub static HELD: Metric = Metric {
    name: "fluxgate_held_micro_usd",
    kind: MetricKind::Gauge,
    label: None,
    help: "What all accounts together held at the last sweep, in micro-USD.",
};
pub static STUCK_TASKS: Metric = Metric {
    name: "fluxgate_stuck_tasks",
    kind: MetricKind::Gauge,
    label: None,
    help: "Tasks that the last sweep found unmoved and had watched again.",
};
pub static HELD_WITHOUT_TASK: Metric = Metric {
    name: "fluxgate_held_without_task_micro_usd",
    kind: MetricKind::Gauge,
    label: None,
    help: "What accounts held for no live task at the last sweep, in micro-USD; zero when sound.",
};

/// Everything that the core tells.
pub static ALL: [&Metric; 16] = [
    &SUBMITS,
    &ACCOUNT_REFUSALS,
    &PROVIDER_CALLS,
    &PROVIDER_FAILURES,
    &COMPLETIONS,
    &FAILURES,
    &ARCHIVE_DURATION,
    &CAPTURED,
    &CALLBACK_ATTEMPTS,
    &DESTINATION_REFUSALS,
    &DELIVERIES_EXHAUSTED,
    &DELIVERIES_HELD,
    &ENDPOINTS_DISABLED,
    &HELD,
    &STUCK_TASKS,
    &HELD_WITHOUT_TASK,
];

impl Metric {
    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, amount: u64) {
        counter!(self.name).increment(amount);
    }

    /// Counts one under this value of the label.
    pub(crate) fn count_as(&self, value: &str) {
        match self.label {
            Some(label) => counter!(self.name, label => value.to_owned()).increment(1),
            None => self.count(),
        }
    }

    /// Amounts over 2^53 lose their last digits.
    pub(crate) fn set(&self, value: i64) {
        gauge!(self.name).set(value as f64);
    }

    pub(crate) fn observe_ms(&self, ms: u64) {
        histogram!(self.name).record(ms as f64 / 1_000.0);
    }
}
