//! What the functions tell CloudWatch, by the names that alarms and dashboard go by.

use fluxgate_core::metric::{self, Metric};

use crate::emf::record;

/// What a metric is called on CloudWatch; alarms and dashboards go by this name.
#[derive(Debug)]
pub struct CloudWatchMetric {
    pub metric: &'static Metric,
    pub name: &'static str,
    pub(crate) unit: &'static str,
    /// In one unit of the core's.
    pub(crate) per_unit: f64,
}

const fn as_it_is(
    metric: &'static Metric,
    name: &'static str,
    unit: &'static str,
) -> CloudWatchMetric {
    CloudWatchMetric {
        metric,
        name,
        unit,
        per_unit: 1.0,
    }
}

/// Every metric of the core.
pub static CLOUDWATCH_METRICS: [CloudWatchMetric; metric::ALL.len()] = [
    as_it_is(&metric::SUBMITS, "Submits", "Count"),
    as_it_is(&metric::ACCOUNT_REFUSALS, "AccountRefusals", "Count"),
    as_it_is(&metric::PROVIDER_CALLS, "ProviderCalls", "Count"),
    as_it_is(&metric::PROVIDER_FAILURES, "ProviderFailures", "Count"),
    as_it_is(&metric::COMPLETIONS, "Completions", "Count"),
    as_it_is(&metric::FAILURES, "Failures", "Count"),
    CloudWatchMetric {
        metric: &metric::ARCHIVE_DURATION,
        name: "ArchiveLatency",
        unit: "Milliseconds",
        per_unit: 1_000.0,
    },
    as_it_is(&metric::CAPTURED, "CapturedMicroUsd", "None"),
    as_it_is(&metric::CALLBACK_ATTEMPTS, "CallbackAttempts", "Count"),
    as_it_is(
        &metric::DESTINATION_REFUSALS,
        "DestinationRefusals",
        "Count",
    ),
    as_it_is(
        &metric::DELIVERIES_EXHAUSTED,
        "DeliveriesExhausted",
        "Count",
    ),
    as_it_is(&metric::DELIVERIES_HELD, "DeliveriesHeld", "Count"),
    as_it_is(&metric::ENDPOINTS_DISABLED, "EndpointsDisabled", "Count"),
    as_it_is(&metric::HELD, "HeldMicroUsd", "None"),
    as_it_is(&metric::STUCK_TASKS, "StuckTasks", "Count"),
    as_it_is(
        &metric::HELD_WITHOUT_TASK,
        "HeldWithoutTaskMicroUsd",
        "None",
    ),
];

/// What the functions measure of themselves, on CloudWatch alone. How many requests and messages
/// there are, AWS counts itself.
#[derive(Debug)]
pub struct FunctionMetric {
    pub name: &'static str,
    /// What it is told apart by.
    pub dimension: &'static str,
    pub(crate) unit: &'static str,
}

/// How long a request took, unless it was held because its client asked to wait.
pub(crate) static REQUEST_LATENCY: FunctionMetric = FunctionMetric {
    name: "RequestLatency",
    dimension: "Function",
    unit: "Milliseconds",
};
/// Requests that were answered with 5xx.
pub(crate) static SERVER_ERRORS: FunctionMetric = FunctionMetric {
    name: "ServerErrors",
    dimension: "Function",
    unit: "Count",
};
/// Jobs whose message is redelivered, because what became of them could not be written.
pub(crate) static JOBS_UNSETTLED: FunctionMetric = FunctionMetric {
    name: "JobsUnsettled",
    dimension: "Lane",
    unit: "Count",
};

/// All of them.
pub static FUNCTION_METRICS: [&FunctionMetric; 3] =
    [&REQUEST_LATENCY, &SERVER_ERRORS, &JOBS_UNSETTLED];

impl FunctionMetric {
    pub(crate) fn count(&self, of: &str) {
        self.record(of, |values| match values.first_mut() {
            Some(total) => *total += 1,
            None => values.push(1),
        });
    }

    pub(crate) fn observe(&self, of: &str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.record(of, |values| values.push(value));
    }

    fn record(&self, of: &str, change: impl FnOnce(&mut Vec<i64>)) {
        let dimension = Some((self.dimension.to_owned(), of.to_owned()));
        record(dimension, (self.name, self.unit), change);
    }
}
