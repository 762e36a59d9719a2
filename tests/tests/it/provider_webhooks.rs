//! What the provider sends: a well-signed webhook with a bad body is refused for good, so that it
//! is not sent again.

use fluxgate_core::id::TaskId;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::v3;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use serde_json::json;

/// The webhook's address of a task, and a signed request to it.
pub(crate) async fn send(
    gateway: &Gateway,
    tenant: &TestTenant,
    task: &str,
    body: &str,
) -> reqwest::Response {
    send_signed_at(gateway, tenant, task, (body, SystemClock.now())).await
}

async fn send_signed_at(
    gateway: &Gateway,
    tenant: &TestTenant,
    task: &str,
    (body, at): (&str, Timestamp),
) -> reqwest::Response {
    let capability = gateway.server.folder().capability().unwrap();
    let path = capability
        .keys()
        .await
        .hook_path(&tenant.id, &TaskId::parse(task).unwrap());
    let secret = Secret::new(gateway.emulator.webhook_secret());
    let signed = v3::sign(std::slice::from_ref(&secret), "msg_1", at, body.as_bytes());
    let request = gateway
        .http()
        .post(gateway.url(&path))
        .header("webhook-id", &signed.id);
    let request = request.header("webhook-timestamp", signed.timestamp.to_string());
    request
        .header("webhook-signature", &signed.signature)
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_signed_webhook_that_cannot_be_read_is_400_and_changes_nothing() {
    // Nothing else reports the run in the meantime.
    let run_time = std::time::Duration::from_secs(600);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let unreadable = [
        "",
        "null",
        "7",
        "{",
        "[]",
        "{}",
        r#"["id"]"#,
        r#"{"id":[7]}"#,
        r#"{"id":"a","id":"b","status":"completed"}"#,
        "{\"id\":\"a\u{0}\"}",
    ];

    for body in unreadable {
        let answer = send(&gateway, &tenant, &task, body).await;
        assert_eq!(answer.status(), 400, "{body:?}");
    }

    assert_eq!(tenant.result(&task).await["status"], "processing");
    let run = gateway.emulator.runs()[0].id.clone();
    let readable = format!(r#"{{"id":"{run}","status":"failed","error":"x"}}"#);
    assert_eq!(
        send(&gateway, &tenant, &task, &readable).await.status(),
        200
    );
    assert_eq!(tenant.ended(&task).await["status"], "failed");
}

/// A tenant read the provider's key in its task: the provider had quoted it in the run's error.
#[tokio::test]
async fn a_webhook_that_quotes_the_provider_s_key_tells_it_to_nobody() {
    let run_time = std::time::Duration::from_secs(600);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let run = gateway.emulator.runs()[0].id.clone();
    let (key, secret) = (
        gateway.emulator.api_key(),
        gateway.emulator.webhook_secret(),
    );
    let error = format!("KEY {key} SECRET {secret} http://a.example/secret?sig=SIGSECRET");
    let body = json!({ "id": run, "status": "failed", "error": error }).to_string();

    let answer = send(&gateway, &tenant, &task, &body).await;

    assert_eq!(answer.status(), 200);
    let told = tenant.ended(&task).await;
    let wanted = "KEY … SECRET … http://a.example/secret?…";
    assert_eq!(told["error"], wanted, "{told}");
    let folder = gateway.server.folder().path.clone();
    let timeline = tenant.timeline(&task).await.to_string();
    for shown in [told.to_string(), timeline] {
        for hidden in [key, secret, "SIGSECRET"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
    for name in ["fluxgate.db", "fluxgate.db-wal"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        for hidden in [key, "SIGSECRET"] {
            let is_there = bytes
                .windows(hidden.len())
                .any(|part| part == hidden.as_bytes());
            assert!(!is_there, "{name} has {hidden}");
        }
    }
}

/// As when this machine's clock is off: whose it is shows who compares the two times.
#[tokio::test]
async fn a_webhook_that_was_signed_an_hour_ago_tells_both_clocks_and_polling_brings_the_end() {
    let gateway = Gateway::with(GatewayOptions {
        run_time: std::time::Duration::from_secs(2),
        faults: Faults {
            webhook_lost: Fault::Always,
            ..Faults::default()
        },
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let run = gateway.emulator.runs()[0].id.clone();
    let body = format!(r#"{{"id":"{run}","status":"failed","error":"x"}}"#);
    let now = SystemClock.now();

    for at in [now.minus_ms(3_600_000), now.plus_ms(3_600_000)] {
        let answer = send_signed_at(&gateway, &tenant, &task, (&body, at)).await;

        assert_eq!(answer.status(), 401);
        let problem: serde_json::Value = answer.json().await.unwrap();
        let told = problem["detail"].as_str().unwrap();
        assert_eq!(problem["code"], "invalid_webhook_time");
        assert!(told.contains(&at.whole_seconds().rfc3339()), "{told}");
        assert!(told.contains("set this clock by NTP"), "{told}");
    }

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(tenant.timeline(&task).await["completed_by"], "poll");
}
