//! Receivers that misbehave: each ends as an attempt that says what was wrong, and slows nobody.

use std::time::Duration;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{
    BadReceiver, Gateway, GatewayOptions, LiveReceiver, Misbehaviour, eventually,
};
use serde_json::{Value, json};

const GIB: u64 = 1024 * 1024 * 1024;
const ATTEMPT_MS: u64 = 1_500;

/// What is to be read of the first attempt: error class, status, and the error or the body.
struct Seen {
    class: Option<&'static str>,
    status: Option<u16>,
    says: &'static str,
}

const DELIVERED: Seen = Seen {
    class: None,
    status: Some(200),
    says: "",
};

fn broken(says: &'static str) -> Seen {
    Seen {
        class: Some("protocol"),
        status: None,
        says,
    }
}

fn refused(says: &'static str) -> Seen {
    Seen {
        class: Some("server_error"),
        status: Some(500),
        says,
    }
}

const LATE: Seen = Seen {
    class: Some("timeout"),
    status: None,
    says: "the receiver did not answer in time",
};

fn cases() -> Vec<(&'static str, Misbehaviour, Seen)> {
    let no_answer = "the receiver closed the connection without a readable response";
    let head =
        |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\n").into_bytes();
    let gzip = [
        &b"HTTP/1.1 500 X\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n"[..],
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff],
    ]
    .concat();
    let dribble = |at_once: Vec<u8>, then: &[u8]| Misbehaviour::Dribble {
        at_once,
        then: then.to_vec(),
    };
    let huge = |status| Misbehaviour::Huge { status, bytes: GIB };
    let late = Misbehaviour::Late(Duration::from_millis(ATTEMPT_MS + 1_000));
    vec![
        ("reset", Misbehaviour::Reset, broken(no_answer)),
        ("nothing", Misbehaviour::Say(Vec::new()), broken(no_answer)),
        (
            "garbage",
            Misbehaviour::Say(vec![0xff; 4_096]),
            broken(no_answer),
        ),
        (
            "half a head",
            Misbehaviour::Say(b"HTTP/1.1 20".to_vec()),
            broken(no_answer),
        ),
        (
            "interim answers without end",
            Misbehaviour::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)),
            broken("the receiver sends interim answers (1xx) without end"),
        ),
        ("1 GB, well", huge(200), DELIVERED),
        ("1 GB, badly", huge(500), refused("xxxxxxxx")),
        ("gzip", Misbehaviour::Say(gzip), refused("(not text)")),
        ("late", late, LATE),
        (
            "dribbled head",
            dribble(Vec::new(), b"HTTP/1.1 200 OK\r\n\r\n"),
            LATE,
        ),
        (
            "dribbled body, well",
            dribble(head("200 OK"), b"123456789"),
            DELIVERED,
        ),
        (
            "dribbled body, badly",
            dribble(head("500 X"), b"123456789"),
            refused("1"),
        ),
    ]
}

#[tokio::test]
async fn a_misbehaving_receiver_ends_as_an_attempt_that_says_what_was_wrong() {
    let bounds = BoundsSettings {
        callback_timeout_ms: Some(ATTEMPT_MS),
        callback_schedule_ms: Some(vec![600_000]),
        ..quick()
    };
    let options = GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    };
    let gateway = Gateway::with(options).await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut endpoints = Vec::new();
    for (name, misbehaviour, seen) in cases() {
        let receiver = BadReceiver::start(misbehaviour).await;
        let (id, _) = tenant.endpoint(&receiver.url("hook")).await;
        endpoints.push((name, id, seen, receiver));
    }
    let good = LiveReceiver::start().await;
    tenant.endpoint(&good.url("events")).await;

    let task = tenant.submit(&tenant.inputs().await).await;

    for (name, id, seen, receiver) in &endpoints {
        let delivery = eventually(&format!("an attempt at '{name}'"), || async {
            let path = format!("/v1/deliveries?endpoint={id}");
            let delivery = tenant.get(&path).await.body["deliveries"][0].clone();
            (delivery["attempts_made"] == 1).then_some(delivery)
        })
        .await;
        check(name, seen, &delivery);
        assert_eq!(receiver.requests(), 1, "{name}: one attempt is one request");
    }
    good.about(&task, 1).await;
    // The workers are healthy.
    let next = tenant.submit(&tenant.inputs().await).await;
    good.about(&next, 1).await;
}

fn check(name: &str, seen: &Seen, delivery: &Value) {
    let attempt = &delivery["attempts"][0];
    assert_eq!(
        attempt["error_class"],
        json!(seen.class),
        "{name}: {attempt}"
    );
    assert_eq!(attempt["status"], json!(seen.status), "{name}: {attempt}");
    let state = if seen.class.is_some() {
        "pending"
    } else {
        "delivered"
    };
    assert_eq!(delivery["state"], state, "{name}");
    let text = attempt["error"].as_str().unwrap_or_default();
    let body = attempt["body"].as_str().unwrap_or_default();
    assert!(
        text.contains(seen.says) || body.contains(seen.says),
        "{name}: {attempt}"
    );
    assert!(
        body.len() <= 1_024,
        "{name}: {} bytes are stored",
        body.len()
    );
    assert_eq!(text.is_empty(), seen.class.is_none(), "{name}: {attempt}");
}
