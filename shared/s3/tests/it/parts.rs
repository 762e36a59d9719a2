//! Large objects, sent in parts: what goes over the wire, and what becomes of an upload that fails.

use std::io::Write as _;

use fluxgate_core::Kind;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::{NewObject, ObjectBody, ObjectStore as _, Stored};
use fluxgate_core::secret::Secret;
use fluxgate_s3::{S3Limits, S3ObjectStore, S3StoreSettings, fixed_keys};

use crate::contract::{KEY, Spooled, destination, object, tenant};
use crate::stub::Stub;

const NOT_THERE: [&str; 2] = ["404 Not Found", ""];
const BEGUN: [&str; 2] = [
    "200 OK",
    "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>its-upload</UploadId></InitiateMultipartUploadResult>",
];
const COMPLETED: [&str; 2] = [
    "200 OK",
    "<CompleteMultipartUploadResult><ETag>\"all\"</ETag></CompleteMultipartUploadResult>",
];
const ABORTED: [&str; 2] = ["204 No Content", ""];

fn part(etag: &'static str) -> [&'static str; 2] {
    [etag, ""]
}

fn limits() -> S3Limits {
    S3Limits {
        attempts_max: 1,
        multipart_over_bytes: Some(6),
        part_bytes: 3,
        ..S3Limits::default()
    }
}

fn store(stub: &Stub) -> S3ObjectStore {
    S3ObjectStore::new(S3StoreSettings {
        endpoint: Some(stub.endpoint()),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        credentials: fixed_keys("local", &Secret::new("local-secret")),
        force_path_style: true,
        http: None,
        limits: limits(),
    })
}

async fn put(store: &S3ObjectStore, object: NewObject) -> fluxgate_core::Result<Stored> {
    store
        .put_new(&tenant(), &destination("tenant-acme"), object)
        .await
}

fn lines(stub: &Stub) -> Vec<String> {
    let line = |request: &String| {
        request
            .lines()
            .next()
            .unwrap()
            .replace(&format!("/tenant-acme/{KEY}"), "")
    };
    stub.requests().iter().map(line).collect()
}

fn has(request: &str, header: &str) -> bool {
    request.lines().any(|line| line == header)
}

#[tokio::test]
async fn an_object_over_the_bound_is_sent_in_parts_that_carry_their_digests() {
    let parts = [
        part("200 OK\r\netag: \"1\""),
        part("200 OK\r\netag: \"2\""),
        part("200 OK\r\netag: \"3\""),
    ];
    let [one, two, three] = parts;
    let stub = Stub::scripted(&[NOT_THERE, BEGUN, one, two, three, COMPLETED]).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"picture").unwrap();
    let from_file = NewObject {
        body: ObjectBody::File(Box::new(Spooled(file))),
        content_disposition: Some("attachment"),
        provider_type: Some("model/x".to_owned()),
        ..object(KEY, b"picture")
    };

    let stored = put(&store(&stub), from_file).await.unwrap();

    assert!(
        matches!(&stored, Stored::Created(output) if output.sha256 == hex::encode(sha256(b"picture")))
    );
    let requests = stub.requests();
    assert!(
        requests[1].starts_with("POST ") && requests[1].contains("?uploads"),
        "{}",
        requests[1]
    );
    assert!(has(
        &requests[1],
        &format!("x-amz-meta-sha256: {}", hex::encode(sha256(b"picture")))
    ));
    assert!(
        has(&requests[1], "content-disposition: attachment")
            && has(&requests[1], "x-amz-meta-provider-type: model/x")
    );
    assert!(
        has(&requests[1], "x-amz-checksum-algorithm: SHA256")
            && has(&requests[1], "content-type: image/png")
    );
    for (request, bytes) in requests[2..5].iter().zip([3, 3, 1]) {
        assert!(
            request.starts_with("PUT ") && request.contains("uploadId=its-upload"),
            "{request}"
        );
        assert!(
            has(request, &format!("content-length: {bytes}"))
                && request.contains("x-amz-checksum-sha256: ")
        );
        assert!(
            has(request, "x-amz-content-sha256: UNSIGNED-PAYLOAD"),
            "{request}"
        );
    }
    assert!(
        requests[5].starts_with("POST ") && has(&requests[5], "if-none-match: *"),
        "{}",
        requests[5]
    );
    assert_eq!(requests.len(), 6);
}

#[tokio::test]
async fn a_small_object_is_sent_whole() {
    let stub = Stub::scripted(&[["200 OK", ""]]).await;

    put(&store(&stub), object(KEY, b"sketch")).await.unwrap();

    assert_eq!(lines(&stub), ["PUT ?x-id=PutObject HTTP/1.1"]);
}

#[tokio::test]
async fn a_large_object_that_is_there_already_is_not_sent() {
    let stub = Stub::scripted(&[["200 OK\r\nx-amz-meta-sha256: abc", ""]]).await;

    let Stored::Existing(output) = put(&store(&stub), object(KEY, b"picture")).await.unwrap()
    else {
        panic!("sent")
    };

    assert_eq!(output.sha256, "abc");
}

#[tokio::test]
async fn one_who_was_first_meanwhile_is_told_and_the_parts_are_removed() {
    let ok = ["200 OK\r\netag: \"1\"", ""];
    let taken = ["412 Precondition Failed", ""];
    let there = ["200 OK\r\nx-amz-meta-sha256: abc", ""];
    let stub = Stub::scripted(&[NOT_THERE, BEGUN, ok, ok, ok, taken, ABORTED, there]).await;

    let stored = put(&store(&stub), object(KEY, b"picture")).await.unwrap();

    assert!(matches!(stored, Stored::Existing(output) if output.sha256 == "abc"));
    assert!(
        lines(&stub)[6].starts_with("DELETE ") && lines(&stub)[6].contains("uploadId=its-upload")
    );
}

#[tokio::test]
async fn an_upload_that_fails_is_aborted_and_may_be_tried_later() {
    let stub =
        Stub::scripted(&[NOT_THERE, BEGUN, ["500 Internal Server Error", ""], ABORTED]).await;

    let error = put(&store(&stub), object(KEY, b"picture"))
        .await
        .unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "bucket_unavailable"),
        "{error}"
    );
    assert!(lines(&stub)[3].starts_with("DELETE "));
}

#[tokio::test]
async fn bytes_other_than_their_digest_are_never_completed() {
    let ok = ["200 OK\r\netag: \"1\"", ""];
    let stub = Stub::scripted(&[NOT_THERE, BEGUN, ok, ok, ok, ABORTED]).await;
    let torn = NewObject {
        sha256: sha256(b"picture"),
        ..object(KEY, b"pictur\0")
    };

    let error = put(&store(&stub), torn).await.unwrap_err();

    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    assert!(lines(&stub)[5].starts_with("DELETE "));
}
