//! The recorder of this process: Prometheus's text, and a collector's if there is one.

use std::sync::OnceLock;

use fluxgate_core::metric::{self, Metric, MetricKind};
use fluxgate_core::series;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::own;
use crate::otlp::{self, Tee};

/// Bounds of the histograms' buckets: of what takes minutes, and of one exchange.
const LONG_SECONDS: [f64; 11] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];
const SHORT_SECONDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// One for the whole process, as the facade is.
static PROMETHEUS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Must be done before anything is counted.
pub(super) fn install() {
    PROMETHEUS.get_or_init(started);
    super::process::start_seconds();
}

pub(super) fn render() -> String {
    PROMETHEUS
        .get()
        .map(PrometheusHandle::render)
        .unwrap_or_default()
}

pub(super) fn run_upkeep() {
    if let Some(prometheus) = PROMETHEUS.get() {
        prometheus.run_upkeep();
    }
}

/// The bounds of a histogram's buckets.
fn buckets(name: &str) -> &'static [f64] {
    let is_short = [series::PROVIDER_DURATION.name, series::HTTP_DURATION.name];
    if is_short.contains(&name) {
        &SHORT_SECONDS
    } else {
        &LONG_SECONDS
    }
}

fn started() -> PrometheusHandle {
    let mut builder = PrometheusBuilder::new();
    for (name, kind, _) in all() {
        if kind == MetricKind::Histogram {
            let one = Matcher::Full(name.to_owned());
            builder = builder
                .set_buckets_for_metric(one, buckets(name))
                .expect("there are buckets");
        }
    }
    let recorder = builder.build_recorder();
    let prometheus = recorder.handle();
    let is_set = match otlp::meter() {
        Some(meter) => metrics::set_global_recorder(Tee::new(recorder, meter, buckets)).is_ok(),
        None => metrics::set_global_recorder(recorder).is_ok(),
    };
    // Somebody's who embeds this: then it is theirs to publish.
    if !is_set {
        tracing::warn!("this process publishes its metrics otherwise; /metrics stays empty");
    }
    describe();
    prometheus
}

/// Name, kind and help of each metric.
fn all() -> impl Iterator<Item = own::OwnMetric> {
    let of_core = metric::ALL.iter().map(|it| (it.name, it.kind, it.help));
    let of_labels = series::ALL.iter().map(|it| (it.name, it.kind, it.help));
    of_core.chain(of_labels).chain(own::METRICS)
}

/// Values of labels that alerts and their texts send somebody to.
static SEEN_FROM_THE_START: [(&Metric, &str); 4] = [
    (&metric::FAILURES, "model_failed"),
    (&metric::CALLBACK_ATTEMPTS, "delivered"),
    (&metric::CALLBACK_ATTEMPTS, "failed"),
    (&metric::DESTINATION_REFUSALS, "bucket_denied"),
];

fn describe() {
    for (name, kind, help) in all().filter(|(name, ..)| *name != own::COMMIT_SECONDS) {
        match kind {
            MetricKind::Counter => describe_counter!(name, help),
            MetricKind::Gauge => describe_gauge!(name, help),
            MetricKind::Histogram => describe_histogram!(name, help),
        }
    }
    // A rate is known from the first event on only where there was a zero before.
    for metric in metric::ALL {
        if metric.kind == MetricKind::Counter && metric.label.is_none() {
            counter!(metric.name).absolute(0);
        }
    }
    for (metric, value) in SEEN_FROM_THE_START {
        if let Some(label) = metric.label {
            counter!(metric.name, label => value).absolute(0);
        }
    }
    gauge!(own::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
