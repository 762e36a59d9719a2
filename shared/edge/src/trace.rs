//! The trace that a client's request belongs to (<https://www.w3.org/TR/trace-context/>).

use axum::http::HeaderMap;
use fluxgate_core::trace_context::TraceContext;

/// `None` where none was sent, or none that can be read: that is no error.
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all("traceparent").iter();
    let (parent, None) = (parents.next()?, parents.next()) else {
        return None;
    };
    // Several of it are one list.
    let states = headers.get_all("tracestate").iter();
    let states: Result<Vec<&str>, _> = states.map(|state| state.to_str()).collect();
    let state = states.ok().map(|states| states.join(","));
    TraceContext::read(parent.to_str().ok()?, state.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(sent: &[(&'static str, &str)]) -> Option<TraceContext> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, value.parse().expect("a header"));
        }
        trace(&headers)
    }

    #[test]
    fn one_traceparent_is_read_with_all_of_its_state() {
        let sent = [
            ("traceparent", PARENT),
            ("tracestate", "a=b"),
            ("tracestate", "c=d, e=f"),
        ];
        let read = read(&sent).expect("a trace");
        assert_eq!(
            (read.traceparent().as_str(), read.tracestate()),
            (PARENT, Some("a=b,c=d, e=f"))
        );
    }

    #[test]
    fn none_two_or_odd_ones_are_none() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("tracestate", "a=b")]), None);
        assert_eq!(
            read(&[("traceparent", PARENT), ("traceparent", PARENT)]),
            None
        );
        assert_eq!(
            read(&[("traceparent", "00-x"), ("tracestate", "a=b")]),
            None
        );
    }

    #[test]
    fn a_state_that_is_no_text_is_dropped() {
        let read = read(&[("traceparent", PARENT), ("tracestate", "a=\u{fc}")]);
        assert_eq!(read.expect("a trace").tracestate(), None);
    }
}
