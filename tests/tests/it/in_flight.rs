//! One tenant's bodies use that tenant's share of memory alone, and block no thread of other
//! requests.

use std::time::{Duration, Instant};

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KIB: usize = 1024;
const BODY_BYTES: usize = 256 * KIB;

/// Room for four bodies of a tenant, and for eight of all.
async fn narrow() -> Gateway {
    let bounds = BoundsSettings {
        body_bytes_max: Some(BODY_BYTES),
        tenant_in_flight_bytes_max: Some(4 * BODY_BYTES),
        in_flight_bytes_max: Some(6 * BODY_BYTES),
        ..quick()
    };
    Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await
}

/// A submit that announces this many bytes and sends a few.
async fn unfinished(gateway: &Gateway, token: &str, announced: &str) -> TcpStream {
    let address = gateway.server.base_url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/v3/{MODEL} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n{announced}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The status of an answer that comes before the body's end.
async fn status(stream: &mut TcpStream) -> String {
    let mut head = vec![0; 12];
    stream.read_exact(&mut head).await.unwrap();
    String::from_utf8(head).unwrap()
}

/// A body that fits, of a tenant that has room.
async fn whole(tenant: &TestTenant) -> u16 {
    let inputs = json!({ "prompt": "x", "image": "https://images.example/x.png", "junk": "x".repeat(200 * KIB) });
    tenant
        .post(&format!("/api/v3/{MODEL}"), &inputs)
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn unfinished_bodies_take_the_room_of_their_own_tenant_alone() {
    let gateway = narrow().await;
    let (tenant, other) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("other", "1").await,
    );
    let announced = format!("content-length: {BODY_BYTES}");

    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(unfinished(&gateway, &tenant.token, &announced).await);
    }
    // Refused as soon as it is announced, once the four before are being read.
    let refused = eventually("a refusal", || async {
        let mut stream = unfinished(&gateway, &tenant.token, &announced).await;
        tokio::time::timeout(Duration::from_millis(500), status(&mut stream))
            .await
            .ok()
    })
    .await;

    assert_eq!(refused, "HTTP/1.1 429");
    let answer = tenant
        .post(&format!("/api/v3/{MODEL}"), &json!({ "prompt": "x" }))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.text("/error_code")),
        (429, "too_many_bytes".to_owned())
    );
    assert_eq!(answer.headers["retry-after"], "1");
    assert_ne!(whole(&other).await, 429);
    drop(held);
    eventually("room again", || async {
        (whole(&tenant).await != 429).then_some(())
    })
    .await;
}

#[tokio::test]
async fn bodies_of_many_tenants_have_a_bound_together_and_webhooks_come_through() {
    let gateway = narrow().await;
    let mut held = Vec::new();
    for name in ["a", "b", "c"] {
        let tenant = gateway.tenant(name, "1").await;
        for _ in 0..3 {
            held.push(
                unfinished(
                    &gateway,
                    &tenant.token,
                    &format!("content-length: {BODY_BYTES}"),
                )
                .await,
            );
        }
    }
    let tenant = gateway.tenant("acme", "1").await;

    let answer = eventually("a refusal", || async {
        let inputs = json!({ "prompt": "x", "junk": "x".repeat(200 * KIB) });
        let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
        (answer.status == 503).then_some(answer)
    })
    .await;

    assert_eq!(
        (answer.text("/error_code"), &answer.headers["retry-after"]),
        ("too_busy".to_owned(), &"1".parse().unwrap())
    );
    let health = gateway
        .http()
        .get(gateway.url("/healthz"))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
}

/// A body without a length is counted as it arrives.
#[tokio::test]
async fn a_body_in_chunks_takes_room_as_it_comes() {
    let gateway = narrow().await;
    let tenant = gateway.tenant("acme", "1").await;
    let chunk = format!("{:x}\r\n{}\r\n", 220 * KIB, "x".repeat(220 * KIB));
    let largest = json!({ "prompt": "x", "junk": "x".repeat(BODY_BYTES - KIB / 16) });
    let streams = tokio::sync::Mutex::new(Vec::new());

    // What is counted may be half more than what came, so that one of a few may be refused itself:
    // another comes in its place until nothing as large as this fits beside them.
    eventually("a refusal", || async {
        let mut stream = unfinished(&gateway, &tenant.token, "transfer-encoding: chunked").await;
        let _ = stream.write_all(chunk.as_bytes()).await;
        streams.lock().await.push(stream);
        let answer = tenant.post(&format!("/api/v3/{MODEL}"), &largest).await;
        (answer.status == 429).then_some(())
    })
    .await;

    let mut over = unfinished(
        &gateway,
        &gateway.tenant("other", "1").await.token,
        "transfer-encoding: chunked",
    )
    .await;
    let _ = over.write_all(format!("{chunk}{chunk}").as_bytes()).await;
    assert_eq!(status(&mut over).await, "HTTP/1.1 413");
}

#[tokio::test]
async fn a_stranger_gets_no_room_at_all() {
    let gateway = narrow().await;
    for token in ["x", "x.y.z"] {
        let mut stream =
            unfinished(&gateway, token, &format!("content-length: {BODY_BYTES}")).await;
        assert_eq!(status(&mut stream).await, "HTTP/1.1 401");
    }
}

/// As many items as are read, each of them work to read, in a body of the largest size.
#[tokio::test]
async fn a_large_body_does_not_keep_others_from_being_answered() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let junk = vec![format!("\"{}\"", "\\u0041".repeat(250)); 10_000].join(",");
    let body = format!("{{\"prompt\":\"x\",\"image\":\"data:,\",\"junk\":[{junk}]}}");
    let submit = async |tenant: TestTenant, body: String| {
        let started = Instant::now();
        let request = tenant
            .http()
            .post(tenant.url(&format!("/api/v3/{MODEL}")))
            .body(body);
        let answer = tenant.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/field")),
            (400, "image".to_owned()),
            "{:?}",
            answer.body
        );
        started.elapsed()
    };

    // If parsing blocks other requests, every round is slow; on a busy machine only some rounds
    // are.
    let mut rounds = Vec::new();
    for _ in 0..8 {
        let mut slowest_look = Duration::ZERO;
        let submitting = tokio::spawn(submit(tenant.clone(), body.clone()));
        while !submitting.is_finished() {
            let started = Instant::now();
            let health = gateway
                .http()
                .get(gateway.url("/healthz"))
                .send()
                .await
                .unwrap();
            assert_eq!(health.status(), 200);
            slowest_look = slowest_look.max(started.elapsed());
        }
        let took = submitting.await.unwrap();
        if slowest_look < took * 2 / 5 {
            return;
        }
        rounds.push((slowest_look, took));
    }
    panic!("the slowest look at /healthz beside each submit, and the submit: {rounds:?}");
}
