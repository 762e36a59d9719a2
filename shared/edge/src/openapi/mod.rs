//! The three OpenAPI documents: tenants', operators' and that of the events that we send. Each is
//! made from the routes, or from the catalogue of events, on its first request.

mod frame;
mod refusals;
mod webhooks;

use std::future::ready;
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{MethodRouter, get};
use fluxgate_core::bounds::Bounds;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

pub(crate) use self::frame::{operators, tenants};
pub(crate) use self::refusals::ErrorCode;

pub(crate) const TENANTS: &str = "/openapi.json";
pub(crate) const WEBHOOKS: &str = "/webhooks.openapi.json";
pub(crate) const OPERATORS: &str = "/admin/v1/openapi.json";

/// The document of these routes. Without a URL its server is the one that it was read from.
pub(crate) fn complete(document: OpenApi, url: &str) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    without_wildcards(&mut document);
    let url = if url.is_empty() { "/" } else { url };
    document["servers"] = json!([{ "url": url }]);
    refusals::add(&mut document);
    document
}

/// What depends on the installation.
pub(crate) fn bounded(mut document: Value, bounds: &Bounds) -> Value {
    let size = "/components/schemas/TicketRequest/properties/size";
    let pages = document["paths"]["/v1/batches/{id}/results"]["get"]["parameters"].as_array_mut();
    for parameter in pages.into_iter().flatten() {
        if parameter["name"] == "limit" {
            parameter["schema"]["maximum"] = bounds.batch.results_max.into();
        }
    }
    if let Some(size) = document.pointer_mut(size) {
        size["maximum"] = bounds.ticket_bytes_max.into();
    }
    document
}

/// OpenAPI has no parameter of several segments: whoever fills it in encodes its slashes.
fn without_wildcards(document: &mut Value) {
    if let Some(paths) = document["paths"].as_object_mut() {
        let renamed = std::mem::take(paths).into_iter();
        paths.extend(renamed.map(|(path, item)| (path.replace("{*", "{"), item)));
    }
}

/// Answers with a document, which is made on the first request for it, so that a starting function
/// can serve tenants at once, and is then kept as its bytes alone.
pub(crate) fn served<S, F>(make: F) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    F: FnOnce() -> Value + Send + 'static,
{
    let make: Box<dyn FnOnce() -> Bytes + Send> = Box::new(|| make().to_string().into());
    let document: Arc<LazyLock<Bytes, _>> = Arc::new(LazyLock::new(make));
    let json = [(CONTENT_TYPE, "application/json")];
    get(move || ready((json, Bytes::clone(&document))))
}

pub(crate) fn webhooks<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    served(webhooks::document)
}
