//! The provider's paths. Fixed paths take precedence over the submit's catch-all.

mod account;
mod billings;
mod control;
mod date;
mod key;
mod media;
mod models;
mod output;
mod predictions;
mod result;
mod submit;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};
use serde::de::DeserializeOwned;
use tower_http::cors::{AllowHeaders, AllowMethods, Any, CorsLayer};

use crate::provider::Provider;
use crate::reply::Refusal;
use crate::traces;

/// A picture of 50 MB as base64 in JSON, and a little more.
const BODY_BYTES_MAX: usize = 72 * 1024 * 1024;

pub(crate) type Shared = axum::extract::State<Arc<Provider>>;

pub(crate) fn router(provider: Arc<Provider>) -> Router {
    let key = from_fn_with_state(provider.clone(), key::check);
    let operator = from_fn_with_state(provider.clone(), key::check_operator);
    v3().route_layer(key)
        .merge(open())
        .fallback(async || Refusal::not_found("there is no such path"))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
        })
        .layer(from_fn_with_state(provider.clone(), traces::note))
        .layer(from_fn_with_state(provider.clone(), date::tell))
        .layer(cors())
        .merge(control().route_layer(operator))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(provider)
}

fn v3() -> Router<Arc<Provider>> {
    Router::new()
        .route("/api/v3/{owner}/{*model}", post(submit::submit))
        .route("/api/v3/predictions/{id}/result", get(result::result))
        .route("/api/v2/predictions/{id}/result", get(result::result))
        .route("/api/v3/predictions/{id}", get(result::result))
        .route("/api/v3/predictions", post(predictions::list))
        .route("/api/v3/predictions/delete", post(predictions::delete))
        .route("/api/v3/models", get(models::models))
        .route("/api/v3/model/pricing", post(models::pricing))
        .route("/api/v3/model/price", post(models::price))
        .route("/api/v3/balance", get(account::balance))
        .route("/api/v3/user/usage_stats", post(usage::stats))
        .route("/api/v3/billings/search", post(billings::search))
        .route("/api/v3/media/uploads", post(media::ticket))
        .route(
            "/api/v3/media/upload/binary",
            post(media::binary).layer(upload_limit()),
        )
        .route(
            "/api/v2/media/upload/binary",
            post(media::binary).layer(upload_limit()),
        )
        .route("/api/v3/webhook/secret", get(account::webhook_secret))
}

/// For the whole form; its file is bounded as it comes.
fn upload_limit() -> DefaultBodyLimit {
    let bytes_max = media::UPLOAD_BYTES_MAX + media::FORM_BYTES_MAX;
    DefaultBodyLimit::max(usize::try_from(bytes_max).unwrap_or(usize::MAX))
}

/// Routes without a key: access is by a capability in the URL.
fn open() -> Router<Arc<Provider>> {
    Router::new()
        .route("/outputs/{id}/{name}", get(output::output))
        .route("/uploads/{token}", put(media::put))
        .route("/media/{id}/{name}", get(media::file))
}

/// The emulator's own routes, for its operator and not for web pages.
fn control() -> Router<Arc<Provider>> {
    Router::new()
        .route(
            "/_emulator/faults",
            get(control::faults).put(control::put_faults),
        )
        .route("/_emulator/runs", get(control::runs))
        .route("/_emulator/traces", get(control::traces))
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(AllowMethods::mirror_request())
        // `*` would not include `Authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([HeaderName::from_static("x-fluxgate-emulator")])
}

/// Parses a required body. `Content-Type` is ignored, so that every client works.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("the body cannot be parsed: {error}")))
}
