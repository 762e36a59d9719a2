//! What every log line about a task names without saying it: the task and its trace, in a span
//! around the work.

use tracing::Span;
use tracing::field::Empty;

use crate::base::trace_context::TraceContext;
use crate::domain::task::{Lane, Task};
use crate::port::About;

/// A span for one job. Its task is known once it is read. Its level keeps it there whatever level
/// is logged.
pub fn job_span(lane: Lane) -> Span {
    tracing::error_span!(
        "job",
        lane = lane.as_str(),
        task.id = Empty,
        trace_id = Empty
    )
}

/// A span for something that a request does to a task.
pub(crate) fn task_span(task: &Task) -> Span {
    let trace = task.trace_context();
    tracing::error_span!("task", task.id = %task.id, trace_id = trace.trace_id())
}

/// Names the task in the span of its job, or of the webhook that is about it.
pub(crate) fn follow(task: &Task) {
    Span::current().record("task.id", task.id.as_str());
    follow_trace(&task.trace_context());
}

/// The same for a new task, in the span of its submit, which names the trace of a client that sent
/// one.
pub(crate) fn follow_new(task: &Task) {
    Span::current().record("task.id", task.id.as_str());
    if task.trace.is_none() {
        follow_trace(&task.trace_context());
    }
}

/// The same for what a delivery is about.
pub(crate) fn follow_event(about: &About) {
    match about {
        About::Task(task) => follow(task),
        About::Notice(_) => follow_trace(&trace_of(about)),
    }
}

/// An event without a task is a trace of its own, whatever caused it.
pub(crate) fn trace_of(about: &About) -> TraceContext {
    match about {
        About::Task(task) => task.trace_context(),
        About::Notice(notice) => TraceContext::of_event(&notice.id),
    }
}

fn follow_trace(trace: &TraceContext) {
    Span::current().record("trace_id", trace.trace_id());
}
