//! `/metrics`, in the text format of Prometheus.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use fluxgate_embedded::SqliteStore;

pub(super) fn router(store: SqliteStore) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(text(&store))))
}

fn text(store: &SqliteStore) -> impl IntoResponse + use<> {
    let body = format!(
        "# HELP fluxgate_commits_total Transactions committed since the start; each is one fsync of the write-ahead log.\n\
         # TYPE fluxgate_commits_total counter\nfluxgate_commits_total {}\n",
        store.commits()
    );
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], body)
}
