//! Usage events in a bucket: each batch under its own name, and nothing asked but to put.

use fluxgate_core::port::{UsageBatch, UsageSink as _};
use fluxgate_s3::S3UsageSink;

use crate::object_store::settings;
use crate::stub::Stub;

fn batch() -> UsageBatch {
    UsageBatch {
        name: "acme/2026/11/22/a-b-0123.jsonl".to_owned(),
        lines: "{}\n{}\n".into(),
    }
}

#[tokio::test]
async fn a_batch_that_comes_again_is_put_again_under_its_name() {
    let stub = Stub::answering(["200 OK", "", "200 OK", ""]).await;
    let sink = S3UsageSink::new(settings(stub.endpoint()), "billing", "usage/fluxgate");

    sink.take(batch()).await.unwrap();
    sink.take(batch()).await.unwrap();

    assert_eq!(sink.place(), "s3://billing/usage/fluxgate");
    let heads = stub.requests();
    assert_eq!(heads.len(), 2);
    for head in heads {
        assert!(
            head.starts_with("PUT /billing/usage/fluxgate/acme/2026/11/22/a-b-0123.jsonl"),
            "{head}"
        );
        assert!(
            head.contains("content-type: application/x-ndjson")
                && head.contains("x-amz-checksum-sha256: "),
            "{head}"
        );
        assert!(!head.contains("if-none-match"), "{head}");
    }
}

#[tokio::test]
async fn a_bucket_that_refuses_is_an_error_that_names_it() {
    let missing = "<Error><Code>NoSuchBucket</Code></Error>";
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    let stub = Stub::answering(["404 Not Found", missing, "403 Forbidden", denied]).await;
    let sink = S3UsageSink::new(settings(stub.endpoint()), "billing", "");

    for code in ["bucket_missing", "bucket_denied"] {
        let error = sink.take(batch()).await.unwrap_err();
        assert_eq!(error.code, code);
        assert!(error.message.contains("billing"), "{error}");
    }
    assert!(
        stub.requests()[0].starts_with("PUT /billing/acme/"),
        "no prefix, no slash"
    );
}
