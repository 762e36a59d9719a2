//! The secret of `?webhook=` callbacks rotates as an endpoint's does: both sign for a while.

use aws_lc_rs::hmac;
use fluxgate_tests::receiver::Received;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, LiveReceiver, TestTenant, process};
use serde_json::json;

async fn secret(tenant: &TestTenant) -> String {
    let answer = tenant.get("/api/v3/webhook/secret").await;
    answer.text("/data/secret")
}

/// The provider's dialect, as its receivers check it.
fn is_signed_with(received: &Received, secret: &str) -> bool {
    let key = secret.trim_start_matches("whsec_").as_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let id = received.header("webhook-id");
    let stamp = received.header("webhook-timestamp");
    let signed = [format!("{id}.{stamp}.").as_bytes(), &received.body].concat();
    let digits = hmac::sign(&key, &signed);
    let digits: String = digits
        .as_ref()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let mut signatures = received.header("webhook-signature").split(' ');
    signatures.any(|signature| signature == format!("v3,{digits}"))
}

/// Which of these secrets verify the callback of one more task.
async fn verify<const N: usize>(
    tenant: &TestTenant,
    receiver: &LiveReceiver,
    secrets: [&str; N],
) -> [bool; N] {
    let path = format!("/api/v3/{MODEL}?webhook={}", receiver.url("hook"));
    let answer = tenant.post(&path, &tenant.inputs().await).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let received = receiver.about(&answer.text("/data/id"), 1).await;
    secrets.map(|secret| is_signed_with(&received[0], secret))
}

#[tokio::test]
async fn a_tenant_s_webhook_secret_is_rotated_and_the_old_one_signs_until_its_overlap_is_over() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (receiver, operator) = (LiveReceiver::start().await, gateway.operator());
    let path = "/tenants/acme/webhook-secret";
    let first = secret(&tenant).await;

    let rotated = operator.post(path, &json!({})).await;
    let second = secret(&tenant).await;

    assert_eq!(rotated.text("/webhook_secret"), second);
    assert!(!rotated.text("/old_secrets_sign_until").is_empty());
    let both = verify(&tenant, &receiver, [&first, &second]).await;
    assert_eq!(both, [true, true]);

    let revoked = operator.post(path, &json!({ "overlap_s": 0 })).await;
    let third = secret(&tenant).await;

    assert_eq!(revoked.body.get("old_secrets_sign_until"), None);
    let last = verify(&tenant, &receiver, [&first, &second, &third]).await;
    assert_eq!(last, [false, false, true]);
    let audit = operator.audit().await;
    let entry = ("webhook_secret.rotated".to_owned(), "acme".to_owned());
    assert_eq!(audit.iter().filter(|it| **it == entry).count(), 2);
}

#[tokio::test]
async fn a_rotation_that_cannot_be_is_refused_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let operator = gateway.operator();
    let path = "/tenants/acme/webhook-secret";

    for (bad, code) in [
        (json!({ "overlap_s": 2_592_001 }), "invalid_parameter"),
        (json!({ "secret": "whsec_short" }), "invalid_webhook_secret"),
    ] {
        let before = secret(&tenant).await;
        let refused = operator.post(path, &bad).await;

        assert_eq!(refused.status, 400, "{:?}", refused.body);
        assert_eq!(refused.text("/code"), code);
        assert_eq!(secret(&tenant).await, before);
    }
    for _ in 0..4 {
        assert_eq!(operator.post(path, &json!({})).await.status, 200);
    }
    let too_many = operator.post(path, &json!({})).await;
    assert_eq!(too_many.status, 409, "{:?}", too_many.body);
    assert_eq!(too_many.text("/code"), "too_many_secrets");
    let unknown = operator
        .post("/tenants/nobody/webhook-secret", &json!({}))
        .await;
    assert_eq!(unknown.status, 404);
}

#[test]
fn the_command_prints_the_new_secret_and_until_when_the_old_one_signs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let run = |args: &[&str]| {
        let done = process::run(&[&["tenants"], args, &["--data", data]].concat());
        let [out, said] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap());
        (done.status.code(), out, said)
    };
    assert_eq!(run(&["add", "acme"]).0, Some(0));

    let (code, printed, said) = run(&["rotate-webhook-secret", "acme", "--overlap", "2h"]);

    assert_eq!(code, Some(0), "{said}");
    assert!(printed.starts_with("whsec_"), "{printed}");
    assert_eq!(printed.lines().count(), 1);
    assert!(
        said.contains("the old secret signs beside this one until 2"),
        "{said}"
    );
    let (code, _, said) = run(&["rotate-webhook-secret", "acme", "--overlap", "2"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("such as 24h"), "{said}");
}
