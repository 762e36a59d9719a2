//! The trace that a request belongs to, as headers (<https://www.w3.org/TR/trace-context/>).

use fluxgate_core::trace_context::TraceContext;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::RequestBuilder;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What was read from a header is fit for one.
pub(crate) fn headers_of(trace: &TraceContext) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let parent = HeaderValue::try_from(trace.traceparent()).ok();
    let state = trace.tracestate().map(HeaderValue::from_str);
    let parent = parent.map(|parent| (TRACEPARENT, parent));
    let state = state.and_then(|state| Some((TRACESTATE, state.ok()?)));
    parent.into_iter().chain(state)
}

pub(crate) fn traced(request: RequestBuilder, trace: &TraceContext) -> RequestBuilder {
    headers_of(trace).fold(request, |request, (name, value)| {
        request.header(name, value)
    })
}

/// The span that a request with these headers is: its receiver takes it for the parent.
pub(crate) fn span_id(headers: &HeaderMap) -> Option<&str> {
    let parent = headers.get(TRACEPARENT)?.to_str().ok()?;
    parent.split('-').nth(2)
}
