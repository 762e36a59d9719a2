//! The fetcher of key sets and discovery documents.

use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use axum::{Json, Router};
use fluxgate_core::Kind;
use fluxgate_core::port::{KeySetFetcher as _, Purpose};
use fluxgate_outbound::{GuardedClient, HttpKeySetFetcher, KeySetBounds};
use serde_json::json;
use url::Url;

use crate::servers::{
    Manners, at, loopback_guard, nobody, serve, serve_bytes, serve_hang_ups, strict_guard, tenant,
};

fn fetcher(client: GuardedClient) -> HttpKeySetFetcher {
    let bounds = KeySetBounds {
        document_bytes_max: 100,
        timeout_ms: 300,
    };
    HttpKeySetFetcher::new(client, bounds)
}

async fn failure(url: &Url) -> (Kind, &'static str) {
    let fetcher = fetcher(loopback_guard().client(Purpose::KeySet));
    let error = fetcher.get_json(&tenant(), url).await.unwrap_err();
    (error.kind, error.code)
}

#[tokio::test]
async fn a_key_set_is_fetched_and_parsed() {
    let url =
        serve(Router::new().route("/jwks", get(|| async { Json(json!({"keys": []})) }))).await;
    let fetcher = fetcher(loopback_guard().client(Purpose::KeySet));

    let value = fetcher
        .get_json(&tenant(), &url.join("/jwks").unwrap())
        .await
        .unwrap();

    assert_eq!(value, json!({"keys": []}));
}

#[tokio::test]
async fn whatever_is_not_a_small_json_document_in_time_is_an_error() {
    let router = Router::new()
        .route("/page", get(|| async { "<html>" }))
        .route("/moved", get(|| async { Redirect::temporary("/page") }))
        .route(
            "/broken",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route("/large", get(|| async { Json("x".repeat(100)) }));
    let url = serve(router).await;
    let (stalling, _) = serve_bytes(Manners::SayAndStall(
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec(),
    ))
    .await;

    for url in [
        url.join("/page").unwrap(),
        url.join("/moved").unwrap(),
        url.join("/broken").unwrap(),
        nobody().await,
        stalling,
    ] {
        assert_eq!(
            failure(&url).await,
            (Kind::Unavailable, "issuer_unavailable"),
            "{url}"
        );
    }
    assert_eq!(
        failure(&url.join("/large").unwrap()).await,
        (Kind::TooLarge, "issuer_document_too_large")
    );
}

#[tokio::test]
async fn an_issuer_at_a_forbidden_address_is_not_asked() {
    let (url, connections) = serve_hang_ups().await;
    let fetcher = fetcher(strict_guard().client(Purpose::KeySet));

    for host in ["https://localhost", "https://127.0.0.1", "http://localhost"] {
        let error = fetcher
            .get_json(&tenant(), &at(&url, host, "/jwks"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.code),
            (Kind::Invalid, "forbidden_address"),
            "{host}"
        );
    }
    assert_eq!(connections.get(), 0);
}
