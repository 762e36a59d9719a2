//! What is measured by more than one label, or in many values: for `/metrics` and OTLP, where a
//! value of a label costs nothing. What CloudWatch is told besides is in `metric`. No label ever
//! names a tenant.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use metrics::{Gauge, Label, counter, gauge, histogram};

use super::metric::MetricKind;

/// One metric, named as Prometheus has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Series {
    pub name: &'static str,
    pub kind: MetricKind,
    /// What it is told apart by. Their values are few.
    pub labels: &'static [&'static str],
    /// One sentence for operators.
    pub help: &'static str,
}

const fn series(
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Series {
    Series {
        name,
        kind,
        labels,
        help,
    }
}

pub static TASKS: Series = series(
    "fluxgate_tasks",
    MetricKind::Gauge,
    &["state", "model"],
    "Tasks that have not ended, by state.",
);
pub static TASK_ENDS: Series = series(
    "fluxgate_task_ends_total",
    MetricKind::Counter,
    &["state", "model"],
    "Tasks that ended, by the state that they ended in.",
);
pub static STAGE_DURATION: Series = series(
    "fluxgate_stage_duration_seconds",
    MetricKind::Histogram,
    &["stage"],
    "How long a stage took: submit, run, copy, callback, or the whole task.",
);
pub static PROVIDER_REQUESTS: Series = series(
    "fluxgate_provider_requests_total",
    MetricKind::Counter,
    &["operation", "outcome"],
    "Requests to the provider, by outcome: ok, limited, refused, failed, timeout or connection.",
);
pub static PROVIDER_DURATION: Series = series(
    "fluxgate_provider_request_duration_seconds",
    MetricKind::Histogram,
    &["operation"],
    "How long the provider took to begin an answer.",
);
pub static HTTP_DURATION: Series = series(
    "fluxgate_http_request_duration_seconds",
    MetricKind::Histogram,
    &["method", "status"],
    "How long requests to the API took until their answer began, by class of status.",
);

/// Everything that is counted so.
pub static ALL: [&Series; 6] = [
    &TASKS,
    &TASK_ENDS,
    &STAGE_DURATION,
    &PROVIDER_REQUESTS,
    &PROVIDER_DURATION,
    &HTTP_DURATION,
];

/// Models that a label names; further ones are [`OTHER`].
const MODELS_MAX: usize = 100;
const OTHER: &str = "other";

static MODELS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The label of a model, which always has the same one in a process.
pub fn model_label(model: &str) -> &str {
    let mut models = MODELS.lock().unwrap_or_else(PoisonError::into_inner);
    if models.contains(model) {
        return model;
    }
    if models.len() >= MODELS_MAX {
        return OTHER;
    }
    models.insert(model.to_owned());
    model
}

impl Series {
    /// The values are in the order of the labels.
    fn with(&self, values: &[&str]) -> Vec<Label> {
        let pairs = self.labels.iter().zip(values);
        pairs
            .map(|(name, value)| Label::new(*name, (*value).to_owned()))
            .collect()
    }

    pub fn count(&self, values: &[&str]) {
        counter!(self.name, self.with(values)).increment(1);
    }

    pub fn gauge(&self, values: &[&str]) -> Gauge {
        gauge!(self.name, self.with(values))
    }

    pub fn observe_ms(&self, values: &[&str], ms: u64) {
        histogram!(self.name, self.with(values)).record(ms as f64 / 1_000.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_beyond_the_first_hundred_share_one_label() {
        let names: Vec<String> = (0..=MODELS_MAX).map(|n| format!("of/model-{n}")).collect();

        for name in &names[..MODELS_MAX] {
            assert_eq!(model_label(name), name);
        }

        assert_eq!(model_label(&names[MODELS_MAX]), OTHER);
        assert_eq!(model_label(&names[0]), names[0]);
    }
}
