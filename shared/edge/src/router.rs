//! The routers, and where their OpenAPI documents are served.

use axum::http::header::{ETAG, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use axum::middleware::from_fn;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Router};
use fluxgate_core::Error;
use fluxgate_core::bounds::Bounds;
use fluxgate_core::trace_context::TraceContext;
use tower::util::{MapRequest, MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;
use tracing::field::Empty;

use crate::body::BodyBytesMax;
use crate::documented::{DocumentedRouter, routes};
use crate::error_reply::{Problem, routing_reply};
use crate::operator_token::OperatorToken;
use crate::state::{Edge, OperatorEdge, ReceiverEdge};
use crate::trace::trace;
use crate::{admin, body_form, openapi, outputs, receiver, submission, throttle, v1, wavespeed};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The tenants' API.
pub fn api_router(edge: Edge) -> Router {
    let (router, complete) = documented(edge.gateway.bounds()).into_parts();
    let gateway = edge.gateway.clone();
    let document = move || {
        let document = openapi::complete(complete(openapi::tenants()), gateway.base_url());
        openapi::bounded(document, gateway.bounds())
    };
    let router = router
        .layer(from_fn(body_form::check))
        .route(openapi::TENANTS, openapi::served(document))
        .route(openapi::WEBHOOKS, openapi::webhooks())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods(Any)
                .allow_headers(AllowHeaders::mirror_request())
                .expose_headers([
                    ETAG,
                    REQUEST_ID,
                    submission::PRICE,
                    throttle::RATE_LIMIT,
                    throttle::RATE_LIMIT_POLICY,
                    RETRY_AFTER,
                ]),
        )
        .layer(from_fn(throttle::tell))
        .layer(Extension(edge.in_flight.clone()));
    let router = observed(router).with_state(edge);
    Router::new().fallback_service(MapRequest::new(router, without_last_slash))
}

/// Some clients put a slash behind every path. It is taken away before the path is looked up.
fn without_last_slash(mut request: Request<axum::body::Body>) -> Request<axum::body::Body> {
    let uri = request.uri();
    let Some(path) = uri.path().strip_suffix('/').filter(|path| !path.is_empty()) else {
        return request;
    };
    let query = uri.query().map(|query| format!("?{query}"));
    let path = format!("{path}{}", query.unwrap_or_default());
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

/// The provider's webhooks.
pub fn receiver_router(edge: ReceiverEdge) -> Router {
    let router = Router::new()
        .route("/hooks/{tenant}/{task}/{token}", post(receiver::receive))
        .method_not_allowed_fallback(wrong_method)
        .layer((
            Extension(BodyBytesMax(receiver::BODY_BYTES_MAX)),
            Extension(edge.in_flight.clone()),
        ));
    observed(router).with_state(edge)
}

/// The operator's API. Whoever serves it must authenticate the operator and set the [`Actor`] on
/// the request.
///
/// [`Actor`]: fluxgate_core::tenant::Actor
pub fn admin_router(edge: OperatorEdge) -> Router {
    let router = admin::router()
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method);
    observed(router).with_state(edge)
}

/// As [`admin_router`], for a process that also serves tenants: to be merged with their router, and
/// accessible only with the token.
pub fn admin_router_with_token(edge: OperatorEdge, token: OperatorToken) -> Router {
    let router = admin::router()
        .method_not_allowed_fallback(wrong_method)
        .with_state(edge);
    observed(admin::token_only(router, token))
}

fn documented(bounds: &Bounds) -> DocumentedRouter {
    wavespeed::router(bounds)
        .merge(v1::router(bounds))
        .routes(routes!(outputs::redeem))
}

/// Adds request ids, spans and a panic handler around everything.
fn observed<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let trace = TraceLayer::new_for_http().make_span_with(request_span);
    let net = CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
        Problem(Error::internal(
            "panic",
            "internal error; the request may or may not have taken effect, so check before you send it again",
        ))
        .into_response()
    });
    // Outermost first; combined into one layer, which is applied to each route once.
    router.layer((
        MapRequestLayer::new(fit_request_id),
        SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid),
        trace,
        PropagateRequestIdLayer::new(REQUEST_ID),
        net,
    ))
}

/// Keeps the client's request id if there is exactly one and it is short and printable, because it
/// goes into logs and the answer. Otherwise generates one.
fn fit_request_id(mut request: Request<axum::body::Body>) -> Request<axum::body::Body> {
    let fits = |id: &HeaderValue| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|byte| (b' '..=b'~').contains(byte))
    };
    let mut ids = request.headers().get_all(&REQUEST_ID).iter();
    let is_fit = ids.next().is_some_and(fits) && ids.next().is_none();
    if !is_fit {
        request.headers_mut().remove(&REQUEST_ID);
    }
    request
}

/// What every log line of a request names. Its level keeps it there whatever level is logged.
fn request_span(request: &Request<axum::body::Body>) -> Span {
    let headers = request.headers();
    let id = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok());
    // A webhook belongs to the trace of its task, whatever the provider says.
    let is_webhook = request.uri().path().starts_with(WEBHOOKS);
    let trace = (!is_webhook).then(|| trace(headers)).flatten();
    // The path alone: a query may hold a callback URL, and some paths end in a capability.
    tracing::error_span!(
        "request",
        http.method = %request.method(),
        http.path = safe_path(request.uri()),
        request.id = id.unwrap_or_default(),
        task.id = Empty,
        trace_id = trace.as_ref().map(TraceContext::trace_id)
    )
}

const WEBHOOKS: &str = "/hooks/";

fn safe_path(uri: &Uri) -> &str {
    match uri.path() {
        path if path.starts_with(WEBHOOKS) => "/hooks/…",
        path if path.starts_with("/outputs/") => "/outputs/…",
        path => path,
    }
}

async fn unknown_path(uri: Uri) -> Response {
    let path = uri.path();
    let text = if path.contains("//") {
        "this path does not exist: it has two slashes in a row; write one"
    } else if path.to_ascii_lowercase().contains("%2f") {
        "this path does not exist: a slash in it is percent-encoded; write '/' itself"
    } else if path.starts_with("/api/") {
        "this path does not exist; a model's path has two to four parts, as GET /api/v3/models lists them, and /openapi.json lists all other paths"
    } else {
        "this path does not exist; /openapi.json lists all paths"
    };
    routing_reply(path, Error::not_found(text), StatusCode::NOT_FOUND)
}

async fn wrong_method(uri: Uri) -> Response {
    let error = Error::invalid(
        "method_not_allowed",
        "this path does not support this method; see /openapi.json",
    );
    routing_reply(uri.path(), error, StatusCode::METHOD_NOT_ALLOWED)
}
