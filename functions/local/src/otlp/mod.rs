//! Spans and metrics for an OpenTelemetry collector, by OTLP over HTTP. Off unless a variable names
//! the collector; then its trouble costs nobody anything: what it does not take is dropped.
//!
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

mod collector;
mod ids;
mod meter;
mod open_span;
mod span_data;
mod span_layer;
mod span_queue;
mod variables;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use collector::Collector;
pub(crate) use meter::Tee;
pub(crate) use span_layer::{OwnSpans, SpanLayer};
use span_queue::SpanQueue;
pub(crate) use variables::Variables;

/// How long the end of the process waits for the collector.
const END_MAX: Duration = Duration::from_secs(2);

/// What is sent by this process, once it was started.
static STARTED: OnceLock<Otlp> = OnceLock::new();

struct Otlp {
    spans: Option<Arc<SpanQueue>>,
    metrics: Option<SdkMeterProvider>,
}

/// Starts sending, if a collector is named. To be called before anything is logged or counted, on
/// the runtime that sends.
pub(crate) fn start(variables: &Variables) -> Result<()> {
    if !variables.is_on() {
        return Ok(());
    }
    let collector = Collector::new(variables.timeout()?).context("cannot send by OTLP")?;
    let spans = match variables.sends_traces() {
        true => Some(spans(collector.clone(), variables)?),
        false => None,
    };
    let metrics = match variables.sends_metrics() {
        true => Some(metrics(collector, variables)?),
        false => None,
    };
    // A test may start several in one process.
    drop(STARTED.set(Otlp { spans, metrics }));
    Ok(())
}

fn spans(collector: Collector, variables: &Variables) -> Result<Arc<SpanQueue>> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector)
        .build()
        .context("cannot send spans; check OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let queue = SpanQueue::start(exporter, &variables.resource(), variables.sampling()?);
    Ok(Arc::new(queue))
}

fn metrics(collector: Collector, variables: &Variables) -> Result<SdkMeterProvider> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(collector)
        .build()
        .context("cannot send metrics; check OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter)
        .with_resource(variables.resource())
        .build();
    Ok(provider)
}

/// The layer that makes spans, if they are sent.
pub(crate) fn span_layer() -> Option<SpanLayer> {
    let spans = STARTED.get()?.spans.clone()?;
    Some(SpanLayer::new(spans))
}

/// What measures, if metrics are sent.
pub(crate) fn meter() -> Option<Meter> {
    Some(STARTED.get()?.metrics.as_ref()?.meter("fluxgate"))
}

/// Sends what is left, for [`END_MAX`] at most. On threads of their own: a collector that hangs
/// holds them, and nobody waits for it.
pub(crate) async fn end() {
    let Some(otlp) = STARTED.get() else {
        return;
    };
    let (ended, mut all_ended) = tokio::sync::mpsc::channel::<()>(1);
    let (spans, of_spans) = (otlp.spans.clone(), ended.clone());
    std::thread::spawn(move || {
        if let Some(spans) = spans {
            spans.end(END_MAX);
        }
        drop(of_spans);
    });
    let metrics = otlp.metrics.clone();
    std::thread::spawn(move || {
        if let Some(metrics) = metrics {
            // A collector that is gone was told of already.
            let _ = metrics.shutdown();
        }
        drop(ended);
    });
    // `None` once both have dropped their senders.
    drop(tokio::time::timeout(END_MAX, all_ended.recv()).await);
    if let Some(spans) = &otlp.spans {
        spans.tell_lost();
    }
}
