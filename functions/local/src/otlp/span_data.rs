//! A span as it is sent: named and described by the semantic conventions where they have a word.
//!
//! <https://opentelemetry.io/docs/specs/semconv/>

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::open_span::{OpenSpan, Purpose};

/// Fields of log lines that the conventions have another name for.
const RENAMED: [(&str, &str); 6] = [
    ("http.method", "http.request.method"),
    ("http.path", "url.path"),
    ("http.status", "http.response.status_code"),
    ("status", "http.response.status_code"),
    ("lane", "messaging.destination.name"),
    ("operation", "fluxgate.operation"),
];

#[derive(Clone, Copy)]
pub(super) struct InTrace {
    pub(super) trace: TraceId,
    pub(super) parent: SpanId,
    /// The parent is a caller's.
    pub(super) is_remote: bool,
}

pub(super) fn span_data(span: OpenSpan, ended: SystemTime, place: InTrace) -> SpanData {
    let context = SpanContext::new(
        place.trace,
        span.id,
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    );
    SpanData {
        span_context: context,
        parent_span_id: place.parent,
        parent_span_is_remote: place.is_remote,
        span_kind: kind(span.purpose),
        name: name(&span),
        status: status(&span),
        start_time: span.began,
        end_time: ended,
        attributes: attributes(span),
        dropped_attributes_count: 0,
        events: opentelemetry_sdk::trace::SpanEvents::default(),
        links: opentelemetry_sdk::trace::SpanLinks::default(),
        instrumentation_scope: InstrumentationScope::builder("fluxgate")
            .with_version(env!("CARGO_PKG_VERSION"))
            .build(),
    }
}

fn kind(purpose: Purpose) -> SpanKind {
    match purpose {
        Purpose::Request => SpanKind::Server,
        Purpose::Job => SpanKind::Consumer,
        Purpose::Task | Purpose::Copy => SpanKind::Internal,
        Purpose::Provider | Purpose::Callback => SpanKind::Client,
    }
}

/// Of few values: no id and no path.
fn name(span: &OpenSpan) -> Cow<'static, str> {
    let text = |name: &str| span.field(name).map(Value::to_string);
    let method = text("http.method").or_else(|| text("http.request.method"));
    match span.purpose {
        Purpose::Request => match (method.unwrap_or_default(), text("http.route")) {
            (method, Some(route)) => format!("{method} {route}").into(),
            (method, None) => method.into(),
        },
        Purpose::Job => format!("process {}", text("lane").unwrap_or_default()).into(),
        Purpose::Provider => format!("provider {}", text("operation").unwrap_or_default()).into(),
        Purpose::Task => "task".into(),
        Purpose::Copy => "copy output".into(),
        Purpose::Callback => "send callback".into(),
    }
}

/// A caller's mistake is no error of a request's span.
fn status(span: &OpenSpan) -> Status {
    let failed = span
        .field("error.type")
        .or_else(|| span.field("error.code"));
    if let Some(why) = failed.filter(|_| span.purpose != Purpose::Request) {
        return Status::error(why.to_string());
    }
    let answered = ["http.response.status_code", "http.status", "status"];
    let code = answered.iter().find_map(|name| span.field(name));
    match code {
        Some(Value::I64(code)) if *code >= 500 => Status::error(code.to_string()),
        _ => Status::Unset,
    }
}

fn attributes(span: OpenSpan) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(span.fields.len() + 1);
    if span.purpose == Purpose::Job {
        attributes.push(KeyValue::new("messaging.operation.type", "process"));
    }
    attributes.extend(span.fields.into_iter().map(|(name, value)| {
        let renamed = RENAMED.iter().find(|(ours, _)| *ours == name);
        KeyValue::new(renamed.map_or(name, |(_, theirs)| *theirs), value)
    }));
    attributes
}

#[cfg(test)]
mod tests {
    use opentelemetry::StringValue;

    use super::super::ids;
    use super::*;

    fn sent(purpose: Purpose, fields: Vec<(&'static str, Value)>) -> SpanData {
        let span = OpenSpan {
            fields,
            ..OpenSpan::new(purpose)
        };
        let place = InTrace {
            trace: ids::new_trace_id(),
            parent: SpanId::INVALID,
            is_remote: false,
        };
        span_data(span, SystemTime::now(), place)
    }

    fn text(text: &'static str) -> Value {
        Value::String(StringValue::from(text))
    }

    #[test]
    fn a_request_is_named_by_its_route_and_only_our_own_failure_is_an_error() {
        let fields = |status| {
            vec![
                ("http.method", text("POST")),
                ("http.route", text("/v1/tasks")),
                ("error.code", text("invalid")),
                ("http.status", Value::I64(status)),
            ]
        };
        let (refused, failed) = (
            sent(Purpose::Request, fields(400)),
            sent(Purpose::Request, fields(503)),
        );

        assert_eq!(refused.name, "POST /v1/tasks");
        assert_eq!(refused.status, Status::Unset);
        assert_eq!(failed.status, Status::error("503"));
        let code = KeyValue::new("http.response.status_code", 503);
        assert!(failed.attributes.contains(&code));
    }

    #[test]
    fn a_job_and_a_call_that_failed_say_why() {
        let job = sent(Purpose::Job, vec![("lane", text("notify"))]);
        let call = sent(
            Purpose::Provider,
            vec![
                ("operation", text("submit")),
                ("error.type", text("timeout")),
            ],
        );

        assert_eq!(
            (&*job.name, &job.status),
            ("process notify", &Status::Unset)
        );
        assert_eq!(&*call.name, "provider submit");
        assert_eq!(call.status, Status::error("timeout"));
        assert_eq!(call.span_kind, SpanKind::Client);
    }
}
