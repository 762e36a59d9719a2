//! Writing objects: once, whole, and checked.

use std::collections::BTreeSet;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use base64::Engine as _;
use futures::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

fn checksum(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(fluxgate_core::digest::sha256(bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_conditional_puts_at_once_one_wins_and_its_bytes_and_metadata_stay_together() {
    let running = running().await;

    let puts = (0..16_u8).map(|n| {
        let put = running
            .client
            .put_object()
            .bucket(BUCKET)
            .key("a/b.png")
            .if_none_match("*");
        let put = put
            .metadata("writer", n.to_string())
            .body(ByteStream::from(vec![n; 200_000]));
        async move { put.send().await.map_err(|error| code(&error)) }
    });
    let answers = join_all(puts).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    let lost: BTreeSet<String> = lost.into_iter().map(Result::unwrap_err).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(lost, BTreeSet::from(["PreconditionFailed".to_owned()]));
    let object = running
        .client
        .get_object()
        .bucket(BUCKET)
        .key("a/b.png")
        .send()
        .await
        .unwrap();
    let writer: u8 = object.metadata().unwrap()["writer"].parse().unwrap();
    assert_eq!(
        object.body.collect().await.unwrap().to_vec(),
        vec![writer; 200_000]
    );
}

#[tokio::test]
async fn a_put_that_loses_leaves_what_was_there() {
    let running = running().await;
    running.put("a.png", b"first").await;

    let put = running
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a.png")
        .if_none_match("*")
        .content_type("text/plain");
    let error = put
        .body(ByteStream::from_static(b"second"))
        .send()
        .await
        .unwrap_err();

    assert_eq!(code(&error), "PreconditionFailed");
    assert_eq!(running.get(BUCKET, "a.png").await.unwrap(), b"first");
    let head = running
        .client
        .head_object()
        .bucket(BUCKET)
        .key("a.png")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("image/png"));
}

#[tokio::test]
async fn a_large_put_to_a_taken_key_or_a_missing_bucket_hears_the_reason_and_not_a_broken_connection()
 {
    let running = running().await;
    running.put("a.png", b"first").await;
    let large = || ByteStream::from(vec![7; 8 * 1024 * 1024]);

    let taken = running
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a.png")
        .if_none_match("*")
        .body(large())
        .send()
        .await;
    let missing = running
        .client
        .put_object()
        .bucket("nobody")
        .key("a.png")
        .body(large())
        .send()
        .await;

    assert_eq!(code(&taken.unwrap_err()), "PreconditionFailed");
    assert_eq!(code(&missing.unwrap_err()), "NoSuchBucket");
}

#[tokio::test]
async fn metadata_type_length_and_checksum_come_back_from_a_head_and_a_get() {
    let running = running().await;
    let put = running
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a.webp")
        .content_type("image/webp");
    let put = put
        .metadata("sha256", "abc")
        .checksum_sha256(checksum(b"picture"));

    put.body(ByteStream::from_static(b"picture"))
        .send()
        .await
        .unwrap();

    let head = running
        .client
        .head_object()
        .bucket(BUCKET)
        .key("a.webp")
        .send()
        .await
        .unwrap();
    assert_eq!(head.metadata().unwrap()["sha256"], "abc");
    assert_eq!(
        (head.content_type(), head.content_length()),
        (Some("image/webp"), Some(7))
    );
    assert_eq!(head.checksum_sha256(), Some(checksum(b"picture").as_str()));
    let get = running
        .client
        .get_object()
        .bucket(BUCKET)
        .key("a.webp")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (get.content_type(), get.e_tag()),
        (Some("image/webp"), head.e_tag())
    );
}

// s3s-fs compared the checksum after its rename: a refused upload stayed visible, and the retry
// found its key taken.
#[tokio::test]
async fn a_put_whose_checksum_is_wrong_is_refused_and_leaves_the_key_free() {
    let running = running().await;
    let put = |claimed: &[u8]| {
        running
            .client
            .put_object()
            .bucket(BUCKET)
            .key("a.png")
            .checksum_sha256(checksum(claimed))
    };

    let error = put(b"other")
        .body(ByteStream::from_static(b"picture"))
        .send()
        .await
        .unwrap_err();

    assert_eq!(code(&error), "BadDigest");
    assert_eq!(running.get(BUCKET, "a.png").await.unwrap_err(), "NoSuchKey");
    put(b"picture")
        .if_none_match("*")
        .body(ByteStream::from_static(b"picture"))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn every_checksum_that_a_client_may_choose_is_taken() {
    let running = running().await;

    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] {
        let put = running.client.put_object().bucket(BUCKET).key(algorithm);
        let put = put
            .checksum_algorithm(ChecksumAlgorithm::from(algorithm))
            .body(ByteStream::from_static(b"picture"));

        put.send()
            .await
            .unwrap_or_else(|error| panic!("{algorithm}: {}", code(&error)));
    }
    let wrong = running
        .client
        .put_object()
        .bucket(BUCKET)
        .key("wrong")
        .checksum_crc32("AAAAAA==");
    let error = wrong
        .body(ByteStream::from_static(b"picture"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&error), "BadDigest");
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_never_seen_and_leaves_nothing_behind() {
    let running = running().await;
    let path = upload_path(&running, "a.png").await;
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000\r\n\r\n",
        running.server.addr()
    );

    let mut stream = TcpStream::connect(running.server.addr()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[7; 500]).await.unwrap();
    stream.shutdown().await.unwrap();
    // The server closes the connection once it has aborted the upload.
    stream.read_to_end(&mut Vec::new()).await.unwrap();

    assert_eq!(running.get(BUCKET, "a.png").await.unwrap_err(), "NoSuchKey");
    assert_eq!(
        std::fs::read_dir(running.folder.path().join(".fluxgate/incoming"))
            .unwrap()
            .count(),
        0
    );
    let url = format!("{}{path}", running.server.endpoint());
    let whole = reqwest::Client::new()
        .put(url)
        .body(vec![7; 1000])
        .send()
        .await
        .unwrap();
    assert_eq!(whole.status(), 200);
}

#[tokio::test]
async fn a_restart_keeps_the_objects_and_clears_what_a_crash_left() {
    let running = running().await;
    running.put("a/b.png", b"picture").await;
    running.server.stop().await;
    drop(running.objects);
    std::fs::write(
        running.folder.path().join(".fluxgate/incoming/half"),
        b"pict",
    )
    .unwrap();

    let server = start(&objects(&running.folder));

    let client = client(&server, "local", "local-secret");
    let head = client
        .head_object()
        .bucket(BUCKET)
        .key("a/b.png")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (head.content_type(), head.content_length()),
        (Some("image/png"), Some(7))
    );
    assert_eq!(
        std::fs::read_dir(running.folder.path().join(".fluxgate/incoming"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_condition_that_is_not_understood_is_refused_and_not_ignored() {
    let running = running().await;
    running.put("a.png", b"first").await;

    let put = running
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a.png")
        .if_match("\"other\"");
    let error = put
        .body(ByteStream::from_static(b"second"))
        .send()
        .await
        .unwrap_err();

    assert_eq!(code(&error), "NotImplemented");
    assert_eq!(running.get(BUCKET, "a.png").await.unwrap(), b"first");
}
