//! The routers, and where their OpenAPI documents are served.

use std::any;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ETAG, RETRY_AFTER};
use axum::http::{HeaderValue, Request, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Router};
use fluxgate_core::Error;
use fluxgate_core::app::AdminAccess;
use fluxgate_core::bounds::Bounds;
use tower::Layer as _;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{HttpMakeClassifier, TraceLayer};
use tracing::Span;

use crate::body::BodyBytesMax;
use crate::body_form::BodyForm;
use crate::documented::{DocumentedRouter, routes};
use crate::error_reply::{Problem, routing_reply};
use crate::origin::refuse_bypass;
use crate::rate_headers::RateHeaders;
use crate::request_line::{REQUEST_ID, RequestLine, holds_secret, name_route, request_span};
use crate::state::{Edge, OperatorEdge, ReceiverEdge};
use crate::{admin, openapi, outputs, receiver, submission, throttle, v1, wavespeed};

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
        .layer((
            MapRequestLayer::new(name_route as fn(Request<Body>) -> Request<Body>),
            BodyForm,
        ))
        .route(openapi::TENANTS, openapi::served(document))
        .route(openapi::WEBHOOKS, openapi::webhooks())
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method);
    let in_flight = Extension(edge.in_flight.clone());
    // Around the router rather than each of its routes, which are copied for each request with all
    // that is around them.
    let around = (
        MapRequestLayer::new(without_last_slash),
        observing(),
        in_flight,
        RateHeaders,
        cors(),
    );
    let origin = edge.origin.clone().zip(Some(edge.gateway.clone()));
    let router = router.with_state(edge);
    let router = match origin {
        None => router,
        Some(origin) => {
            let check = from_fn_with_state(origin, refuse_bypass);
            Router::new().fallback_service(check.layer(router))
        }
    };
    Router::new().fallback_service(around.layer(router))
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            ETAG,
            REQUEST_ID,
            submission::PRICE,
            v1::ledger::NEXT,
            throttle::RATE_LIMIT,
            throttle::RATE_LIMIT_POLICY,
            RETRY_AFTER,
        ])
}

/// Some clients put a slash behind every path. It is taken away before the path is looked up.
fn without_last_slash(mut request: Request<Body>) -> Request<Body> {
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

/// The operator's API. Whoever serves it must authenticate the operator and set the caller on the
/// request, by [`authenticated_operator`](crate::authenticated_operator). An
/// [`Actor`](fluxgate_core::tenant::Actor) alone may do everything.
pub fn admin_router(edge: OperatorEdge) -> Router {
    let router = admin::router()
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method);
    observed(router).with_state(edge)
}

/// As [`admin_router`], for a process that also serves tenants: to be merged with their router, and
/// accessible only with an admin token.
pub fn admin_router_with_token(edge: OperatorEdge, access: Arc<AdminAccess>) -> Router {
    let router = admin::router()
        .method_not_allowed_fallback(wrong_method)
        .with_state(edge);
    observed(admin::token_only(router, access))
}

fn documented(bounds: &Bounds) -> DocumentedRouter {
    wavespeed::router(bounds)
        .merge(v1::router(bounds))
        .routes(routes!(outputs::redeem))
}

/// Adds request ids, a line with its span, and a panic handler around everything.
fn observed<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(observing())
}

/// Outermost first.
type Observing = (
    MapRequestLayer<fn(Request<Body>) -> Request<Body>>,
    SetRequestIdLayer<MakeRequestUuid>,
    TraceLayer<HttpMakeClassifier, fn(&Request<Body>) -> Span, (), RequestLine, (), (), ()>,
    PropagateRequestIdLayer,
    CatchPanicLayer<fn(Box<dyn any::Any + Send>) -> Response>,
);

fn observing() -> Observing {
    (
        MapRequestLayer::new(fit_request_id as fn(Request<Body>) -> Request<Body>),
        SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid),
        TraceLayer::new_for_http()
            .make_span_with(request_span as fn(&Request<Body>) -> Span)
            .on_request(())
            .on_response(RequestLine)
            .on_body_chunk(())
            .on_eos(())
            .on_failure(()),
        PropagateRequestIdLayer::new(REQUEST_ID),
        CatchPanicLayer::custom(panicked as fn(Box<dyn any::Any + Send>) -> Response),
    )
}

fn panicked(_: Box<dyn any::Any + Send>) -> Response {
    Problem(Error::internal(
        "panic",
        "internal error; the request may or may not have taken effect, so check before you send it again",
    ))
    .into_response()
}

/// Keeps the client's request id if there is exactly one and it is short and printable, because it
/// goes into logs and the answer. Otherwise generates one.
fn fit_request_id(mut request: Request<Body>) -> Request<Body> {
    let fits = |id: &HeaderValue| {
        let is_printable = id
            .as_bytes()
            .iter()
            .all(|byte| (b' '..=b'~').contains(byte));
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
            && is_printable
            && !id.to_str().is_ok_and(holds_secret)
    };
    let mut ids = request.headers().get_all(&REQUEST_ID).iter();
    let is_fit = ids.next().is_some_and(fits) && ids.next().is_none();
    if !is_fit {
        request.headers_mut().remove(&REQUEST_ID);
    }
    request
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
