//! `/docs`: a page to read the OpenAPI documents and to try requests. Its files are in this binary,
//! and it can call no other host than this one.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa_swagger_ui::{Config, Url, serve};

/// The page's own styles are set by its script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Docs {
    config: Arc<Config<'static>>,
    policy: HeaderValue,
}

/// `base_url` is where tenants reach the API, which the page may call besides its own origin.
pub(super) fn router(base_url: &str) -> Router {
    let origin = url::Url::parse(base_url).map(|url| url.origin().ascii_serialization());
    let policy = format!(
        "{POLICY}; connect-src 'self' {}",
        origin.unwrap_or_default()
    );
    let docs = Docs {
        config: Arc::new(config()),
        policy: HeaderValue::try_from(policy.trim_end())
            .unwrap_or(HeaderValue::from_static(POLICY)),
    };
    Router::new()
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(file))
        .route("/docs/{*file}", get(file))
        .with_state(docs)
}

/// A token lives in the page's memory alone: it is neither stored nor sent to a validator, and no
/// query can name another document.
fn config() -> Config<'static> {
    let documents = [
        Url::with_primary("Tenants", "/openapi.json", true),
        Url::new("Events", "/webhooks.openapi.json"),
    ];
    Config::new(documents)
        .persist_authorization(false)
        .query_config_enabled(false)
        .validator_url("none")
        .deep_linking(true)
        .display_request_duration(true)
}

async fn file(State(docs): State<Docs>, uri: Uri) -> Response {
    let name = uri.path().trim_start_matches("/docs/");
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_SECURITY_POLICY, docs.policy),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    match serve(name, docs.config) {
        Ok(Some(file)) => {
            let content_type = [(CONTENT_TYPE, file.content_type)];
            (headers, content_type, file.bytes.into_owned()).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, headers, "the page has no such file").into_response(),
        Err(error) => {
            tracing::error!(%error, "a file of /docs could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
