//! `/readyz`: whether requests should be sent here. It tells nothing else, so anybody may ask.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use fluxgate_embedded::SqliteStore;
use serde_json::json;

pub(super) fn router(store: SqliteStore) -> Router {
    let answer = move || std::future::ready(answer(&store));
    Router::new().route("/readyz", get(answer))
}

fn answer(store: &SqliteStore) -> Response {
    if store.is_damaged() {
        let text =
            "the database is damaged; restore the folder from a backup by 'fluxgate restore'";
        let body = Json(json!({ "status": "database_corrupt", "detail": text }));
        return (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
    }
    if store.is_failing() {
        let text = "writes to the data folder fail; check its free space and the disk's health";
        let body = Json(json!({ "status": "writes_fail", "detail": text }));
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "10")], body).into_response();
    }
    if store.is_drill() {
        let text = "a drill of a restored backup: it can be read, and takes and sends nothing";
        return Json(json!({ "status": "drill", "detail": text })).into_response();
    }
    Json(json!({ "status": "ok" })).into_response()
}
