//! The probe says what a destination lacks, and what to do about it.

use fluxgate_tests::odd_store::{OddStore, Oddity, OtherStore};
use fluxgate_tests::{Gateway, TestOperator};
use serde_json::{Value, json};

use super::{gateway_to, redirect, with};

/// Most of it lies in the buffers of the sockets. Without a bound it is gigabytes.
const SENT_BYTES_MAX: u64 = 32 * 1024 * 1024;

async fn probe(operator: &TestOperator) -> Value {
    let probed = operator
        .post("/tenants/acme/destination/probe", &json!({}))
        .await;
    assert_eq!(probed.status, 200, "{:?}", probed.body);
    probed.body
}

/// What one check found: whether it passed, and its text.
fn found(probe: &Value, name: &str) -> (bool, String) {
    let checks = probe["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("no '{name}' in {probe}"));
    let text = check["text"].as_str().unwrap().to_owned();
    (check["passed"].as_bool().unwrap(), text)
}

/// What the check says of a store with this oddity, and of the destination with these fields.
async fn refused(oddity: Oddity, name: &str, fields: &Value) -> String {
    let store = OddStore::start(&[oddity]).await;
    let (gateway, _) = gateway_to(&with(&store.destination(), fields)).await;
    let probe = probe(&gateway.operator()).await;
    let (passed, text) = found(&probe, name);
    assert!(!passed && probe["passed"] == false, "{probe}");
    gateway.stop().await;
    text
}

#[tokio::test]
async fn a_probe_writes_reads_by_a_link_and_deletes_in_the_gateway_s_own_store_and_in_another() {
    let store = OtherStore::start();
    let (gateway, _) = gateway_to(&store.destination()).await;

    let elsewhere = probe(&gateway.operator()).await;
    redirect(&gateway, &json!({ "bucket": "fluxgate-acme" })).await;
    let own = probe(&gateway.operator()).await;

    for probe in [&elsewhere, &own] {
        for name in [
            "object_written",
            "conditional_put",
            "object_read",
            "object_deleted",
        ] {
            assert!(found(probe, name).0, "{name}: {probe}");
        }
        assert_eq!(probe["passed"], true, "{probe}");
    }
    let (_, text) = found(&elsewhere, "object_written");
    let key = text.rsplit_once("/out/").unwrap().1;
    assert_eq!(store.object(&format!("out/{key}")), None);
    gateway.stop().await;
}

#[tokio::test]
async fn a_store_that_overwrites_is_told_of_with_what_is_done_instead() {
    let text = refused(Oddity::Overwrites, "conditional_put", &json!({})).await;
    assert!(
        text.contains("If-None-Match") && text.contains("'conditional_put' to false"),
        "{text}"
    );

    let store = OddStore::start(&[Oddity::Overwrites]).await;
    let known = with(&store.destination(), &json!({ "conditional_put": false }));
    let (gateway, _) = gateway_to(&known).await;

    let probe = probe(&gateway.operator()).await;

    assert_eq!(probe["passed"], true, "{probe}");
    let (_, text) = found(&probe, "conditional_put");
    assert!(text.contains("a key of its own"), "{text}");
    assert_eq!(store.paths(), Vec::<String>::new());
    gateway.stop().await;
}

#[tokio::test]
async fn a_store_that_refuses_checksums_is_told_of_and_is_written_without_them() {
    let text = refused(Oddity::RefusesChecksums, "object_written", &json!({})).await;
    assert!(text.contains("'checksums' to 'none'"), "{text}");

    let store = OddStore::start(&[Oddity::RefusesChecksums]).await;
    let known = with(&store.destination(), &json!({ "checksums": "none" }));
    let (gateway, _) = gateway_to(&known).await;

    assert_eq!(probe(&gateway.operator()).await["passed"], true);
    let (_, headers) = &store.seen()[0];
    // The signature covers the bytes.
    assert_eq!(headers["x-amz-content-sha256"].len(), 64, "{headers:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_probe_names_the_region_the_clock_or_the_right_that_is_the_trouble() {
    let elsewhere = Oddity::Elsewhere("eu-central-1");
    for (oddity, name, told) in [
        (elsewhere, "object_written", "region to 'eu-central-1'"),
        (Oddity::Ahead, "object_written", "more than 15 minutes"),
        (Oddity::Denies("PUT"), "object_written", "s3:PutObject"),
        (Oddity::Denies("GET"), "object_read", "s3:GetObject"),
    ] {
        let text = refused(oddity, name, &json!({})).await;

        assert!(text.contains(told), "{oddity:?}: {text}");
    }
    let needed = json!({ "conditional_put": false });
    let text = refused(Oddity::Denies("DELETE"), "object_deleted", &needed).await;
    assert!(text.contains("s3:DeleteObject"), "{text}");
}

#[tokio::test]
async fn a_bucket_whose_objects_may_not_be_deleted_is_good_where_puts_are_conditional() {
    let store = OddStore::start(&[Oddity::Denies("DELETE")]).await;
    let (gateway, _) = gateway_to(&store.destination()).await;

    let probe = probe(&gateway.operator()).await;

    let (passed, text) = found(&probe, "object_deleted");
    assert!(passed && text.contains("stays at 'out/"), "{probe}");
    assert_eq!(store.paths().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn keys_that_the_store_does_not_know_are_told_of() {
    let store = OtherStore::start();
    let wrong = json!({ "secret_access_key": "another" });
    let gateway: (Gateway, _) = gateway_to(&with(&store.destination(), &wrong)).await;

    let probe = probe(&gateway.0.operator()).await;

    let (passed, text) = found(&probe, "object_written");
    assert!(!passed && text.contains("destination's keys"), "{probe}");
    gateway.0.stop().await;
}

#[tokio::test]
async fn an_answer_without_end_is_told_of_and_not_read_on() {
    let put = (false, "object_written", "more than 1048576 bytes");
    for (method, status, (passes, name, told)) in [
        ("PUT", 200, put),
        ("PUT", 403, put),
        ("PUT", 412, put),
        ("PUT", 500, put),
        ("GET", 200, (false, "object_read", "more bytes")),
        ("GET", 403, (false, "object_read", "answered 403")),
        (
            "DELETE",
            200,
            (true, "object_deleted", "store_answer_too_large"),
        ),
    ] {
        let store = OddStore::start(&[Oddity::Endless(method, status)]).await;
        let (gateway, _) = gateway_to(&store.destination()).await;

        let probe = probe(&gateway.operator()).await;

        let (passed, text) = found(&probe, name);
        assert_eq!(passed, passes, "{method} {status}: {probe}");
        assert!(text.contains(told), "{method} {status}: {text}");
        let sent = store.sent_bytes();
        assert!(sent < SENT_BYTES_MAX, "{method} {status}: {sent}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn an_object_that_a_store_claims_is_read_to_the_size_of_what_was_written() {
    let store = OddStore::start(&[Oddity::Claims(1 << 40)]).await;
    let (gateway, _) = gateway_to(&store.destination()).await;

    let probe = probe(&gateway.operator()).await;

    let (passed, text) = found(&probe, "object_read");
    assert!(!passed && text.contains("more bytes"), "{probe}");
    let sent = store.sent_bytes();
    assert!(sent < SENT_BYTES_MAX, "{sent}");
    gateway.stop().await;
}
