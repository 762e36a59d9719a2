//! `/metrics`, in the text format of Prometheus: what the core counts, and the commits.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use fluxgate_core::metric::{self, MetricKind};
use fluxgate_embedded::SqliteStore;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const COMMITS: &str = "fluxgate_commits_total";
/// Bounds of the histogram's buckets.
const ARCHIVE_SECONDS: [f64; 11] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];
/// What was measured is added up this often, whether or not anybody asks for it.
const UPKEEP: Duration = Duration::from_secs(5);

/// One for the whole process, as the facade is.
static PROMETHEUS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Must be made before anything is counted.
pub(super) fn router(store: SqliteStore) -> Router {
    let prometheus = PROMETHEUS.get_or_init(install);
    let text = move || std::future::ready(text(&store, prometheus));
    Router::new().route("/metrics", get(text))
}

/// Adds up until it is dropped.
pub(super) async fn keep_up() {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        if let Some(prometheus) = PROMETHEUS.get() {
            prometheus.run_upkeep();
        }
    }
}

fn text(store: &SqliteStore, prometheus: &PrometheusHandle) -> impl IntoResponse + use<> {
    counter!(COMMITS).absolute(store.commits());
    let content_type = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
    (content_type, prometheus.render())
}

fn install() -> PrometheusHandle {
    let archive = Matcher::Full(metric::ARCHIVE_DURATION.name.to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(archive, &ARCHIVE_SECONDS)
        .expect("there are buckets")
        .build_recorder();
    let prometheus = recorder.handle();
    // Somebody's who embeds this: then it is theirs to publish.
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("this process publishes its metrics otherwise; /metrics stays empty");
    }
    describe_counter!(
        COMMITS,
        "Transactions committed since the start; each is one fsync of the write-ahead log."
    );
    for metric in metric::ALL {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => describe_histogram!(metric.name, metric.help),
        }
        // A rate is known from the first event on only where there was a zero before.
        if metric.kind == MetricKind::Counter && metric.label.is_none() {
            counter!(metric.name).absolute(0);
        }
    }
    prometheus
}
