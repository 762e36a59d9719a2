//! Spans on their way to the collector: a queue of bounded length, sent in batches by a thread of
//! its own. Where it is full, spans are dropped and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::trace::TraceId;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SamplingDecision, ShouldSample as _, SpanData,
    SpanExporter as ExportSpans, SpanProcessor as _,
};

use super::variables::Sampling;

/// Some two megabytes.
const SPANS_MAX: usize = 2_048;

pub(super) struct SpanQueue {
    processor: BatchSpanProcessor,
    counts: Arc<Counts>,
    sampling: Sampling,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    lost: AtomicU64,
}

/// Counts what leaves the queue, and what the collector did not take.
#[derive(Debug)]
struct Counted {
    exporter: SpanExporter,
    counts: Arc<Counts>,
}

impl ExportSpans for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        self.counts.waiting.fetch_sub(spans, Ordering::Relaxed);
        if exported.is_err() {
            let lost = u64::try_from(spans).unwrap_or(u64::MAX);
            self.counts.lost.fetch_add(lost, Ordering::Relaxed);
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl SpanQueue {
    pub(super) fn start(exporter: SpanExporter, resource: &Resource, sampling: Sampling) -> Self {
        let counts = Arc::<Counts>::default();
        let counted = Counted {
            exporter,
            counts: counts.clone(),
        };
        // Above our own bound, so that nothing is dropped uncounted.
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(SPANS_MAX * 2)
            .build();
        let mut processor = BatchSpanProcessor::new(counted, config);
        processor.set_resource(resource);
        Self {
            processor,
            counts,
            sampling,
        }
    }

    /// Whether the spans of this trace are sent. `sampled`: what its caller says, if it says
    /// anything.
    pub(super) fn is_sampled(&self, trace: TraceId, sampled: Option<bool>) -> bool {
        if let (true, Some(sampled)) = (self.sampling.follows_caller, sampled) {
            return sampled;
        }
        let kind = opentelemetry::trace::SpanKind::Internal;
        let sampler = &self.sampling.sampler;
        let result = sampler.should_sample(None, trace, "", &kind, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    /// Never waits.
    pub(super) fn push(&self, span: SpanData) {
        if self.counts.waiting.fetch_add(1, Ordering::Relaxed) >= SPANS_MAX {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.processor.on_end(span);
    }

    pub(super) fn end(&self, within: Duration) {
        // A collector that is gone was told of already.
        let _ = self.processor.shutdown_with_timeout(within);
    }

    /// One line for all that were dropped since the start.
    pub(super) fn tell_lost(&self) {
        let lost = self.counts.lost.load(Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(
                lost,
                "spans were dropped: the OpenTelemetry collector did not take them in time"
            );
        }
    }
}
