//! What every log line about a task names without saying it: the task and its trace, in a span
//! around the work.

use tracing::Span;
use tracing::field::Empty;

use crate::base::trace_context::{SPANS, TraceContext};
use crate::domain::task::{Job, Lane, Task};
use crate::port::{About, Lease};

/// What the line of a job is called in a filter: `fluxgate::job=off` leaves it out.
pub const JOB_TARGET: &str = "fluxgate::job";

/// What its span is called.
const JOB: &str = "job";

/// A span for one job. What it is about is known once it is read. Its level keeps it there whatever
/// level is logged.
pub fn job_span(lane: Lane) -> Span {
    tracing::error_span!(
        JOB,
        lane = lane.as_str(),
        job = Empty,
        attempt = Empty,
        tenant.id = Empty,
        task.id = Empty,
        batch.id = Empty,
        endpoint.id = Empty,
        delivery.id = Empty,
        outcome = Empty,
        error.code = Empty,
        trace_id = Empty,
        xray.trace_id = Empty
    )
}

/// Whether a job was worked on, or only looked whether its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobProgress {
    Made,
    None,
}

/// The line of a job; its span says the rest. One that only waits has many.
pub fn job_worked(progress: JobProgress, duration_ms: u64) {
    match progress {
        JobProgress::Made => tracing::info!(target: JOB_TARGET, duration_ms, "job"),
        JobProgress::None => tracing::debug!(target: JOB_TARGET, duration_ms, "job"),
    }
}

/// Names a job in its span.
pub(crate) fn follow_job(lease: &Lease) {
    let (span, job) = (Span::current(), &lease.job);
    if span.is_disabled() {
        return;
    }
    span.record("job", job.name());
    span.record("attempt", lease.failures + 1);
    span.record("tenant.id", job.tenant().as_str());
    match job {
        Job::Watch { task, .. }
        | Job::Wake { task, .. }
        | Job::Archive { task, .. }
        | Job::ArchiveRun { task, .. } => span.record("task.id", task.as_str()),
        Job::Deliver { delivery, .. } => span.record("delivery.id", delivery.as_str()),
        Job::Recover { endpoint, .. } => span.record("endpoint.id", endpoint.as_str()),
        Job::Batch { batch, .. } => span.record("batch.id", batch.as_str()),
    };
}

/// What became of a job: `done`, `again` for one that goes on later, `failed`, `dead`.
pub(crate) fn job_came_out(outcome: &'static str) {
    Span::current().record("outcome", outcome);
}

/// Why a job or a request did not do what it was asked for.
pub(crate) fn failed_with(code: &'static str) {
    Span::current().record("error.code", code);
}

/// Why a task goes on later. Of a job alone: the request that submitted it was not refused.
pub(crate) fn goes_on_because(code: &'static str) {
    let span = Span::current();
    if span.metadata().is_some_and(|it| it.name() == JOB) {
        span.record("error.code", code);
    }
}

/// Which attempt of a delivery its job makes: each has a job of its own.
pub(crate) fn attempt_of_delivery(attempt: u32) {
    Span::current().record("attempt", attempt);
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
    let trace = task.trace_context();
    if task.trace.is_none() {
        follow_trace(&trace);
    }
    tell_place(&trace, true);
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
    tell_place(trace, false);
}

/// Tells whoever sends spans that this request has a place in its caller's trace.
pub fn follow_caller(span: &Span, trace: &TraceContext) {
    let (trace_id, parent_id) = (trace.trace_id(), trace.parent_id());
    let sampled = trace.is_sampled();
    tracing::trace!(target: SPANS, parent: span, trace_id, parent_id, sampled, begins = false);
}

/// Tells whoever sends spans where this one is in its trace. `begins`: a trace that has no caller
/// begins with it.
fn tell_place(trace: &TraceContext, begins: bool) {
    let (trace_id, parent_id) = (trace.trace_id(), trace.parent_id());
    let sampled = trace.is_sampled();
    tracing::trace!(target: SPANS, trace_id, parent_id, sampled, begins);
}
