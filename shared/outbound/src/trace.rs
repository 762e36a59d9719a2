//! The trace that a request belongs to, as headers (<https://www.w3.org/TR/trace-context/>).

use fluxgate_core::trace_context::TraceContext;
use reqwest::RequestBuilder;

pub(crate) fn traced(request: RequestBuilder, trace: &TraceContext) -> RequestBuilder {
    let request = request.header("traceparent", trace.traceparent());
    match trace.tracestate() {
        Some(state) => request.header("tracestate", state),
        None => request,
    }
}
