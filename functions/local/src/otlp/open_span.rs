//! A span that has not ended: what its fields say, and the spans within it that have.

use std::fmt::Debug;
use std::time::SystemTime;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry::{StringValue, Value};
use tracing::field::{Field, Visit};

use super::ids;

/// A longer value is cut.
const VALUE_CHARS_MAX: usize = 256;
/// Spans within one; further ones are dropped.
const WITHIN_MAX: usize = 128;

/// What spans are sent for, by the names that they have where they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Request,
    Job,
    Task,
    Provider,
    Copy,
    Callback,
}

impl Purpose {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "request" => Self::Request,
            "job" => Self::Job,
            "task" => Self::Task,
            "provider" => Self::Provider,
            "copy" => Self::Copy,
            "callback" => Self::Callback,
            _ => return None,
        })
    }

    /// Whether it may be about a task, and not only a part of what is done for one.
    pub(super) fn is_work(self) -> bool {
        matches!(self, Self::Request | Self::Job | Self::Task)
    }
}

/// Where in a trace a span is, as far as it was told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) trace: Option<TraceId>,
    pub(super) parent: Option<SpanId>,
    /// Whether the caller of the trace records it.
    pub(super) sampled: Option<bool>,
    /// It is the first span of a task's own trace.
    pub(super) begins: bool,
}

pub(super) struct OpenSpan {
    pub(super) purpose: Purpose,
    pub(super) began: SystemTime,
    pub(super) id: SpanId,
    pub(super) place: Place,
    pub(super) fields: Vec<(&'static str, Value)>,
    pub(super) within: Vec<EndedSpan>,
}

/// One that has ended within another.
pub(super) struct EndedSpan {
    pub(super) span: OpenSpan,
    pub(super) parent: SpanId,
    pub(super) ended: SystemTime,
}

impl OpenSpan {
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            began: SystemTime::now(),
            id: ids::new_span_id(),
            place: Place::default(),
            fields: Vec::new(),
            within: Vec::new(),
        }
    }

    pub(super) fn has_ended(&mut self, mut span: Self, ended: SystemTime) {
        let room = WITHIN_MAX.saturating_sub(self.within.len());
        let mut within = std::mem::take(&mut span.within);
        within.push(EndedSpan {
            span,
            parent: self.id,
            ended,
        });
        self.within.extend(within.into_iter().take(room));
    }

    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        let found = self.fields.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    fn set(&mut self, name: &'static str, value: Value) {
        // Of a line: a span has its own.
        if ["message", "duration_ms"].contains(&name) {
            return;
        }
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.fields.push((name, value)),
        }
    }

    fn set_text(&mut self, name: &'static str, text: &str) {
        match name {
            "trace_id" => self.place.trace = ids::trace_id(text).or(self.place.trace),
            "span_id" => self.id = ids::span_id(text).unwrap_or(self.id),
            // Another system's spelling of the trace.
            "xray.trace_id" => {}
            _ if text.is_empty() => {}
            _ => {
                let cut: String = text.chars().take(VALUE_CHARS_MAX).collect();
                self.set(name, Value::String(StringValue::from(cut)));
            }
        }
    }
}

impl Visit for OpenSpan {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set_text(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(
            field.name(),
            Value::I64(i64::try_from(value).unwrap_or(i64::MAX)),
        );
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), Value::Bool(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set_text(field.name(), &format!("{value:?}"));
    }
}

/// The fields of the event that tells where a task's work is in its trace.
impl Visit for Place {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "trace_id" => self.trace = ids::trace_id(value),
            "parent_id" => self.parent = ids::span_id(value),
            _ => {}
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "sampled" => self.sampled = Some(value),
            "begins" => self.begins = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
