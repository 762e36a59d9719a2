//! Files that are uploaded to the provider, and tickets for them.

use axum::extract::Multipart;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use fluxgate_core::Kind;
use fluxgate_core::port::{Provider, Upload};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::provider_client::{client, success};

fn upload_of(content_type: &str) -> Upload {
    let pieces = [
        Ok(Bytes::from_static(b"GIF89a")),
        Ok(Bytes::from_static(b"-rest")),
    ];
    let (filename, content_type) = ("a \"b\".gif".to_owned(), content_type.to_owned());
    Upload {
        filename,
        content_type,
        trace: None,
        bytes: stream::iter(pieces).boxed(),
    }
}

#[tokio::test]
async fn an_upload_is_streamed_as_the_file_of_a_form() {
    let take = |mut form: Multipart| async move {
        let field = form.next_field().await.unwrap().unwrap();
        assert_eq!(
            (field.name(), field.content_type()),
            (Some("file"), Some("image/gif"))
        );
        assert!(field.file_name().unwrap().ends_with(".gif"));
        assert_eq!(&field.bytes().await.unwrap()[..], b"GIF89a-rest");
        success(json!({"download_url": "https://media.example/a.gif", "size": 11}))
    };
    let client = client(Router::new().route("/api/v3/media/upload/binary", post(take))).await;

    let answer = client.upload(upload_of("image/gif")).await.unwrap();
    let error = client.upload(upload_of("not a type")).await.unwrap_err();

    assert_eq!(answer["download_url"], "https://media.example/a.gif");
    assert_eq!(
        (error.kind, error.code),
        (Kind::Invalid, "invalid_content_type")
    );
}

#[tokio::test]
async fn an_upload_that_is_too_large_for_the_provider_is_told_as_its_bound() {
    let refuse = |_: Bytes| async {
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            Json(json!({"code": 413, "message": "at most 5 MB"})),
        )
    };
    let client = client(Router::new().route("/api/v3/media/upload/binary", post(refuse))).await;

    let error = client.upload(upload_of("image/gif")).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::TooLarge, "provider_refused")
    );
    assert!(
        error.message.contains("the model's provider") && error.message.contains("at most 5 MB"),
        "{error}"
    );
}

#[tokio::test]
async fn an_upload_ticket_is_asked_for_with_the_tenant_s_request() {
    let ticket = |Json(question): Json<Value>| async move { success(json!({"asked": question})) };
    let client = client(Router::new().route("/api/v3/media/uploads", post(ticket))).await;

    let answer = client
        .upload_ticket(&json!({"filename": "a.png", "size": 5}))
        .await
        .unwrap();

    assert_eq!(answer, json!({"asked": {"filename": "a.png", "size": 5}}));
}
