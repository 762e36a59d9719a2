//! Ids as OpenTelemetry has them.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

/// Of 32 hexadecimal digits; `None` for what is no id.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    let id = TraceId::from_hex(text).ok()?;
    (id != TraceId::INVALID).then_some(id)
}

/// Of 16 hexadecimal digits.
pub(super) fn span_id(text: &str) -> Option<SpanId> {
    let id = SpanId::from_hex(text).ok()?;
    (id != SpanId::INVALID).then_some(id)
}

pub(super) fn new_trace_id() -> TraceId {
    RandomIdGenerator::default().new_trace_id()
}

pub(super) fn new_span_id() -> SpanId {
    RandomIdGenerator::default().new_span_id()
}

/// The span that a task's own trace begins with: that of its submit.
pub(super) fn first_span(trace: TraceId) -> Option<SpanId> {
    span_id(trace.to_string().get(16..)?)
}
