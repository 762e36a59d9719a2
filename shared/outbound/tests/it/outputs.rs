//! The output fetcher against servers that keep their word and servers that do not.

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::routing::get;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::{FetchFailure, FetchFailureSort as Sort, ObjectBody};
use futures::stream;
use url::Url;

use crate::output_fetch::{MIB, failure, fetch, fetch_within, png};
use crate::servers::{Manners, http_answer, nobody, serve, serve_bytes};

async fn serve_bytes_in_pieces(bytes: Vec<u8>) -> Url {
    let pieces = move || async move {
        let pieces: Vec<_> = bytes
            .chunks(10_000)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
            .collect();
        Body::from_stream(stream::iter(pieces))
    };
    serve(Router::new().route("/out", get(pieces)))
        .await
        .join("/out")
        .unwrap()
}

#[tokio::test]
async fn a_small_output_is_digested_counted_and_sniffed_in_memory() {
    let bytes = png(5_000);
    let body = bytes.clone();
    let named_jpeg = move || async move { ([(header::CONTENT_TYPE, "image/jpeg")], body) };
    let url = serve(Router::new().route("/out.jpg", get(named_jpeg))).await;

    let fetched = fetch(url.join("/out.jpg").unwrap().as_str(), MIB)
        .await
        .unwrap();

    assert_eq!(
        (fetched.content_type, fetched.extension),
        ("image/png", "png")
    );
    assert_eq!((fetched.bytes, fetched.sha256), (5_000, sha256(&bytes)));
    assert!(matches!(fetched.body, ObjectBody::Memory(kept) if kept == bytes));
}

#[tokio::test]
async fn a_large_output_lies_in_a_file_that_removes_itself() {
    let bytes = png(3 * 1024 * 1024 + 17);
    let url = serve_bytes_in_pieces(bytes.clone()).await;

    let fetched = fetch(url.as_str(), 8 * MIB).await.unwrap();

    assert_eq!(
        (fetched.bytes, fetched.sha256),
        (bytes.len() as u64, sha256(&bytes))
    );
    let ObjectBody::File(file) = fetched.body else {
        panic!("in memory")
    };
    let path = (*file).as_ref().to_owned();
    assert!(std::fs::read(&path).unwrap() == bytes);
    drop(file);
    assert!(!path.exists());
}

#[tokio::test]
async fn an_output_of_exactly_the_bound_is_taken() {
    let url = serve_bytes_in_pieces(png(20_000)).await;

    assert_eq!(fetch(url.as_str(), 20_000).await.unwrap().bytes, 20_000);
}

#[tokio::test]
async fn an_output_over_the_bound_is_too_large_with_and_without_a_content_length() {
    let pieces = serve_bytes_in_pieces(png(20_001)).await;
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 20001\r\n\r\n".to_vec();
    let (announcing, _) = serve_bytes(Manners::SayAndStall(announced)).await;

    assert_eq!(
        failure(pieces.as_str(), 20_000).await,
        (Sort::TooLarge, "output_too_large")
    );
    assert_eq!(
        failure(announcing.as_str(), 20_000).await,
        (Sort::TooLarge, "output_too_large")
    );
}

#[tokio::test]
async fn an_output_that_ends_early_is_not_taken_for_whole() {
    let mut short = b"HTTP/1.1 200 OK\r\ncontent-length: 6000\r\n\r\n".to_vec();
    short.extend(png(5_000));
    let mut no_last_chunk =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1388\r\n".to_vec();
    no_last_chunk.extend(png(5_000));

    for bytes in [short, no_last_chunk] {
        let (url, _) = serve_bytes(Manners::Say(bytes)).await;
        assert_eq!(
            failure(url.as_str(), MIB).await,
            (Sort::Unavailable, "output_unavailable")
        );
    }
}

#[tokio::test]
async fn an_output_that_comes_too_slowly_is_given_up() {
    let mut start = b"HTTP/1.1 200 OK\r\ncontent-length: 6000\r\n\r\n".to_vec();
    start.extend(png(5_000));
    let (url, _) = serve_bytes(Manners::SayAndStall(start)).await;

    let FetchFailure { sort, error } = fetch_within(url.as_str(), MIB, 300).await.err().unwrap();

    assert_eq!(
        (sort, error.code),
        (Sort::Unavailable, "output_unavailable")
    );
    assert!(
        error.message.ends_with("did not answer in time"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn a_page_under_a_picture_s_name_is_refused() {
    let excuse = |text: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, "image/png")], text) })
    };
    let router = Router::new()
        .route("/out.png", excuse("<!DOCTYPE html><html>expired</html>"))
        .route("/json.webp", excuse("{\"error\":\"expired\"}"))
        .route("/text.mp4", excuse("expired"));
    let url = serve(router).await;

    for path in ["/out.png", "/json.webp", "/text.mp4"] {
        let failure = failure(url.join(path).unwrap().as_str(), MIB).await;
        assert_eq!(failure, (Sort::NotAsPromised, "output_not_media"), "{path}");
    }
}

#[tokio::test]
async fn a_large_page_is_refused_before_it_has_ended() {
    let mut start = b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n<!DOCTYPE html>".to_vec();
    start.resize(20_000, b' ');
    let (url, _) = serve_bytes(Manners::SayAndStall(start)).await;
    let url = url.join("/out.png").unwrap();

    assert_eq!(
        failure(url.as_str(), MIB).await,
        (Sort::NotAsPromised, "output_not_media")
    );
}

#[tokio::test]
async fn an_output_without_bytes_is_told_apart() {
    let no_content =
        serve(Router::new().route("/out", get(|| async { StatusCode::NO_CONTENT }))).await;
    let (nothing, _) = serve_bytes(Manners::Say(http_answer("200 OK", "", ""))).await;

    for url in [
        nothing,
        no_content.join("/out").unwrap(),
        Url::parse("data:image/png;base64,").unwrap(),
    ] {
        assert_eq!(
            failure(url.as_str(), MIB).await,
            (Sort::Empty, "output_empty"),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_dead_link_is_told_from_a_server_in_trouble() {
    let status = |status: u16| get(move || async move { StatusCode::from_u16(status).unwrap() });
    let dead = [400, 401, 403, 404, 410, 451];
    let troubled = [206, 408, 425, 429, 500, 502, 503, 504];
    let routes = dead.iter().chain(&troubled);
    let url = serve(routes.fold(Router::new(), |all, n| {
        all.route(&format!("/{n}"), status(*n))
    }))
    .await;

    for n in dead {
        let failure = failure(url.join(&n.to_string()).unwrap().as_str(), MIB).await;
        assert_eq!(failure, (Sort::Gone, "output_gone"), "{n}");
    }
    for n in troubled {
        let failure = failure(url.join(&n.to_string()).unwrap().as_str(), MIB).await;
        assert_eq!(failure, (Sort::Unavailable, "output_unavailable"), "{n}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_makes_the_output_unavailable() {
    assert_eq!(
        failure(nobody().await.as_str(), MIB).await,
        (Sort::Unavailable, "output_unavailable")
    );
}

#[tokio::test]
async fn a_failure_does_not_show_the_output_s_signed_url() {
    let url = nobody()
        .await
        .join("/secret-path?X-Amz-Signature=secret")
        .unwrap();

    let error = fetch(url.as_str(), MIB).await.err().unwrap();

    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_data_uri_is_an_output_too() {
    let fetched = fetch("data:text/html;base64,R0lGODlhAQABAA==", 10)
        .await
        .unwrap();

    assert_eq!(
        (fetched.content_type, fetched.extension, fetched.bytes),
        ("image/gif", "gif", 10)
    );
}

#[tokio::test]
async fn a_data_uri_is_bounded_and_sniffed_like_any_other() {
    let page = "data:image/png;base64,PCFET0NUWVBFIGh0bWw+";

    assert_eq!(
        failure("data:image/gif;base64,R0lGODlhAQABAA==", 9).await,
        (Sort::TooLarge, "output_too_large")
    );
    assert_eq!(
        failure(page, MIB).await,
        (Sort::NotAsPromised, "output_not_media")
    );
    for text in ["data:image/gif;base64", "data:image/gif;base64,***"] {
        assert_eq!(
            failure(text, MIB).await,
            (Sort::Unusable, "output_unavailable"),
            "{text}"
        );
    }
    for text in ["ftp://cdn.example/a.png", "s3://bucket/key"] {
        assert_eq!(failure(text, MIB).await.0, Sort::Forbidden, "{text}");
    }
}
