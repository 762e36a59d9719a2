//! Makes spans for the collector of those that log lines are in, and of calls to others.
//!
//! Not by `tracing-opentelemetry`: there a span has its trace when it is first entered, and here
//! most learn it later. A job's task is known once it is read, and a submit's trace has the id of
//! the task that it makes. So a span is given its trace when the outermost has ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use fluxgate_core::trace_context::SPANS;
use opentelemetry::trace::SpanId;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::ids;
use super::open_span::{EndedSpan, OpenSpan, Place, Purpose};
use super::span_data::{InTrace, span_data};
use super::span_queue::SpanQueue;

pub(crate) struct SpanLayer {
    queue: Arc<SpanQueue>,
}

/// The target of the line of a request, which says how it was answered.
const REQUEST_LINE: &str = "fluxgate::request";

/// Only our own spans, and the events that say where they are in a trace, and how they ended.
pub(crate) struct OwnSpans;

impl<S> Filter<S> for OwnSpans {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        if [SPANS, REQUEST_LINE].contains(&metadata.target()) {
            return true;
        }
        let is_ours = metadata.target().starts_with("fluxgate");
        metadata.is_span() && is_ours && Purpose::of(metadata.name()).is_some()
    }
}

impl SpanLayer {
    pub(super) fn new(queue: Arc<SpanQueue>) -> Self {
        Self { queue }
    }

    fn send(&self, mut outermost: OpenSpan, ended: SystemTime) {
        let within = std::mem::take(&mut outermost.within);
        let mut placed = HashMap::new();
        let place = self.placed(&outermost, None);
        placed.insert(outermost.id, place);
        self.push(outermost, ended, place);
        // Those around others ended after them.
        for EndedSpan {
            span,
            parent,
            ended,
        } in within.into_iter().rev()
        {
            let place = self.placed(&span, placed.get(&parent));
            placed.insert(span.id, place);
            self.push(span, ended, place);
        }
    }

    fn push(&self, mut span: OpenSpan, ended: SystemTime, place: Placed) {
        if place.is_sampled {
            span.id = place.id;
            self.queue.push(span_data(span, ended, place.in_trace));
        }
    }

    /// A span is in the trace of the one around it, unless it is about a task of another trace.
    fn placed(&self, span: &OpenSpan, around: Option<&Placed>) -> Placed {
        let own = span.place.trace;
        if let Some(around) = around
            && own.is_none_or(|own| own == around.in_trace.trace)
        {
            return Placed {
                id: span.id,
                is_sampled: around.is_sampled,
                in_trace: InTrace {
                    trace: around.in_trace.trace,
                    parent: around.id,
                    is_remote: false,
                },
            };
        }
        let trace = own.unwrap_or_else(ids::new_trace_id);
        let first = ids::first_span(trace);
        // A task's own trace has no caller.
        let is_remote = span.place.parent.is_some() && span.place.parent != first;
        let sampled = span.place.sampled.filter(|_| is_remote);
        let parent = span.place.parent.unwrap_or(SpanId::INVALID);
        let begins = first.filter(|_| span.place.begins && !is_remote);
        Placed {
            id: begins.unwrap_or(span.id),
            is_sampled: self.queue.is_sampled(trace, sampled),
            in_trace: InTrace {
                trace,
                parent: if begins.is_some() {
                    SpanId::INVALID
                } else {
                    parent
                },
                is_remote,
            },
        }
    }
}

#[derive(Clone, Copy)]
struct Placed {
    id: SpanId,
    is_sampled: bool,
    in_trace: InTrace,
}

impl<S> Layer<S> for SpanLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let purpose = Purpose::of(attributes.metadata().name());
        let (Some(purpose), Some(span)) = (purpose, context.span(id)) else {
            return;
        };
        let mut open = OpenSpan::new(purpose);
        attributes.record(&mut open);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<OpenSpan>()
        {
            values.record(open);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut place = Place::default();
        event.record(&mut place);
        let is_line = event.metadata().target() != SPANS;
        let scope = context.event_scope(event).into_iter().flatten();
        for span in scope {
            let mut extensions = span.extensions_mut();
            if let Some(open) = extensions.get_mut::<OpenSpan>()
                && open.purpose.is_work()
            {
                match is_line {
                    true => event.record(open),
                    false => open.place = place,
                }
                return;
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let ended = SystemTime::now();
        let Some(span) = context.span(&id) else {
            return;
        };
        let Some(open) = span.extensions_mut().remove::<OpenSpan>() else {
            return;
        };
        for around in span.scope().skip(1) {
            if let Some(outer) = around.extensions_mut().get_mut::<OpenSpan>() {
                return outer.has_ended(open, ended);
            }
        }
        self.send(open, ended);
    }
}
