//! One line for each request, and the span that says who asked for what. A path is told without its
//! query, which may hold a callback URL, and without capabilities.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::{HeaderName, Request, Response, Uri};
use fluxgate_core::app::follow_caller;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::trace_context::TraceContext;
use tower_http::trace::OnResponse;
use tracing::Span;
use tracing::field::Empty;

use crate::trace::trace;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the line is called in a filter: `fluxgate::request=off` leaves it out.
const TARGET: &str = "fluxgate::request";
/// Asked for every few seconds by whoever looks after the process.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
const WEBHOOKS: &str = "/hooks/";
/// A longer path is one that does not exist.
const PATH_BYTES_MAX: usize = 200;
const PATH_PARTS_MAX: usize = 12;
/// No id is longer, and hardly a name.
const NAME_BYTES_MAX: usize = 64;
/// What is longer may be a capability, which has the length of an id.
const WORD_BYTES_MAX: usize = 20;
/// What admin tokens, secrets of endpoints, JWTs and API keys, and whole headers begin with.
const SECRETS: [&str; 4] = ["fga_", "whsec_", "eyJ", "Bearer "];

/// The trace of whoever passed the request on, in that system's form: an extension of the request.
#[derive(Debug, Clone)]
pub struct XrayTrace(pub String);

/// What every log line of a request names. Its level keeps it there whatever level is logged.
pub(crate) fn request_span(request: &Request<Body>) -> Span {
    let (headers, path) = (request.headers(), request.uri().path());
    if PROBES.contains(&path) {
        return Span::none();
    }
    let id = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    // A webhook belongs to the trace of its task, whatever the provider says.
    let is_webhook = path.starts_with(WEBHOOKS);
    let trace = (!is_webhook).then(|| trace(headers)).flatten();
    let xray = request.extensions().get::<XrayTrace>();
    let span = tracing::error_span!(
        "request",
        http.method = %request.method(),
        http.path = &*safe_path(request.uri(), route(request)),
        http.route = route(request),
        request.id = id.unwrap_or_default(),
        tenant.id = Empty,
        task.id = Empty,
        error.code = Empty,
        trace_id = trace.as_ref().map(TraceContext::trace_id),
        xray.trace_id = xray.map(|trace| trace.0.as_str())
    );
    if let Some(trace) = &trace {
        follow_caller(&span, trace);
    }
    span
}

/// Without what may be a secret: where the path is of no route of ours, in any of its longer parts.
fn safe_path<'a>(uri: &'a Uri, route: Option<&str>) -> Cow<'a, str> {
    let path = uri.path();
    let hidden = if route.is_some() {
        may_be_secret
    } else {
        may_be_secret_of_a_stranger
    };
    if !parts(path).any(|part| is_capability_next(part) || hidden(part)) {
        return path.get(..PATH_BYTES_MAX).unwrap_or(path).into();
    }
    let mut told = Vec::new();
    for part in parts(path).take(PATH_PARTS_MAX) {
        told.push(if hidden(part) { "…" } else { part });
        if is_capability_next(part) {
            told.push("…");
            break;
        }
    }
    told.join("/").into()
}

/// What is between slashes, also where a client has percent-encoded them.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').flat_map(|part| {
        let mut rest = Some(part);
        std::iter::from_fn(move || {
            let part = rest?;
            let at = part
                .as_bytes()
                .windows(3)
                .position(|bytes| bytes.eq_ignore_ascii_case(b"%2f"));
            rest = at.map(|at| &part[at + 3..]);
            Some(at.map_or(part, |at| &part[..at]))
        })
    })
}

/// Webhooks and links end in a capability, in whatever path somebody puts theirs.
fn is_capability_next(part: &str) -> bool {
    ["hooks", "outputs"]
        .iter()
        .any(|name| part.eq_ignore_ascii_case(name))
}

fn may_be_secret_of_a_stranger(text: &str) -> bool {
    text.len() > WORD_BYTES_MAX || may_be_secret(text)
}

/// Whether a client may have put a secret where a name or an id belongs.
fn may_be_secret(text: &str) -> bool {
    text.len() > NAME_BYTES_MAX || holds_secret(text)
}

/// Whether the text begins as a secret of ours, or a header with one, does.
pub(crate) fn holds_secret(text: &str) -> bool {
    SECRETS.iter().any(|secret| text.starts_with(secret))
}

fn route<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get().map(MatchedPath::as_str)
}

/// Names the route of a request whose span was made before it was found.
pub(crate) fn name_route(request: Request<Body>) -> Request<Body> {
    if let Some(route) = route(&request) {
        let span = Span::current();
        span.record("http.route", route);
        if parts(request.uri().path()).any(may_be_secret_of_a_stranger) {
            span.record("http.path", &*safe_path(request.uri(), Some(route)));
        }
    }
    request
}

pub(crate) fn name_tenant(tenant: &TenantId) {
    Span::current().record("tenant.id", tenant.as_str());
}

pub(crate) fn name_task(task: &TaskId) {
    Span::current().record("task.id", task.as_str());
}

/// Why a request was not answered as it asked.
pub(crate) fn refused_with(code: &'static str) {
    Span::current().record("error.code", code);
}

/// Writes the line; the span says the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestLine;

impl<B> OnResponse<B> for RequestLine {
    fn on_response(self, response: &Response<B>, took: Duration, span: &Span) {
        let status = response.status();
        if span.is_none() && !status.is_server_error() {
            return;
        }
        let (status, duration_ms) = (status.as_u16(), u64::try_from(took.as_millis()));
        let duration_ms = duration_ms.unwrap_or(u64::MAX);
        tracing::info!(target: TARGET, { http.status = status, duration_ms }, "request");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, route: Option<&str>) -> String {
        let uri: Uri = path.parse().unwrap();
        safe_path(&uri, route).into_owned()
    }

    #[test]
    fn a_path_is_told_without_what_may_be_a_secret() {
        let signature = "s".repeat(86);
        let long = "n/".repeat(150);
        for (path, without) in [
            ("/v1/tasks/0123456789abcdef0123456789abcdef", None),
            ("/fga_3c4f", Some("/…")),
            ("/v1/tasks/whsec_DBN/timeline", Some("/v1/tasks/…/timeline")),
            ("/eyJhbGciOiJFUzI1NiJ9.e30.sig", Some("/…")),
            (&format!("/v1/tasks/{signature}"), Some("/v1/tasks/…")),
            ("/hooks/acme/capability", Some("/hooks/…")),
            (
                &format!("/{long}"),
                Some(&format!("/{long}")[..PATH_BYTES_MAX]),
            ),
        ] {
            assert_eq!(told(path, Some("/")), without.unwrap_or(path));
        }
    }

    #[test]
    fn a_capability_is_told_in_no_path_however_it_is_written() {
        let (task, token) = ("0123456789abcdef0123456789abcdef", "f".repeat(32));
        for (path, without) in [
            ("//hooks/acme/TASK/TOKEN", "//hooks/…"),
            ("/Hooks/acme/TASK/TOKEN", "/Hooks/…"),
            ("/hooks%2facme%2FTASK%2fTOKEN", "/hooks/…"),
            ("/%68ooks/acme/TASK/TOKEN", "/%68ooks/acme/…/…"),
            ("/hooks%252facme%252fTASK%252fTOKEN", "/…"),
            ("/hook/acme/x%2fTOKEN", "/hook/acme/x/…"),
            ("/x/outputs/acme/TASK/0/1/TOKEN", "/x/outputs/…"),
            ("/api/v3/hooks/acme/TASK/TOKEN", "/api/v3/hooks/…"),
            ("/no/such/path", "/no/such/path"),
        ] {
            let path = path.replace("TASK", task).replace("TOKEN", &token);
            assert_eq!(told(&path, None), without);
        }
        let model = format!("/api/v3/hooks/acme/{task}/{token}");
        assert_eq!(
            told(&model, Some("/api/v3/{a}/{b}/{c}/{d}")),
            "/api/v3/hooks/…"
        );
    }
}
