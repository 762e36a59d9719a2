//! The callback sender against receivers of all kinds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Redirect;
use axum::routing::post;
use fluxgate_core::port::{CallbackAnswer, CallbackRequest, CallbackSender, Purpose, SendOutcome};
use fluxgate_core::secret::Secret;
use fluxgate_core::webhook::{CallbackUrl, ErrorClass, SignedHeaders};
use fluxgate_outbound::HttpCallbackSender;
use futures::stream;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use url::Url;

use crate::servers::{
    Count, Manners, TRACE_PARENT, at, loopback_guard, nobody, serve, serve_bytes, serve_hang_ups,
    strict_guard, tenant, trace,
};

pub(crate) fn outgoing(url: &Url) -> CallbackRequest {
    CallbackRequest {
        tenant: tenant(),
        url: CallbackUrl::parse(url.as_str()).unwrap(),
        headers: SignedHeaders {
            id: "evt_1".to_owned(),
            timestamp: 1_760_000_000,
            signature: "v1,AAAA v1,BBBB".to_owned(),
        },
        trace: trace(),
        body: br#"{"type":"task.completed"}"#.to_vec(),
        extra: vec![("x-api-key".to_owned(), Secret::new("known-key"))],
        timeout_ms: 5_000,
    }
}

pub(crate) fn sender() -> HttpCallbackSender {
    HttpCallbackSender::new(loopback_guard().client(Purpose::Callback))
}

async fn send(outgoing: CallbackRequest) -> SendOutcome {
    sender().send(outgoing).await
}

pub(crate) fn answered(status: u16) -> SendOutcome {
    SendOutcome::Answered(CallbackAnswer {
        status,
        ..CallbackAnswer::default()
    })
}

fn reason(outcome: SendOutcome) -> String {
    match outcome {
        SendOutcome::Failed { reason, .. } => reason,
        SendOutcome::Answered(answer) => panic!("answered {}", answer.status),
    }
}

#[tokio::test]
async fn a_callback_is_one_signed_json_post() {
    let seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let hook = move |headers: HeaderMap, body: Bytes| async move {
        kept.lock().unwrap().push((headers, body))
    };
    let url = serve(Router::new().route("/hook", post(hook))).await;

    let outcome = send(outgoing(&url.join("/hook?token=1").unwrap())).await;

    assert_eq!(outcome, answered(200));
    let seen = seen.lock().unwrap();
    let [(headers, body)] = &seen[..] else {
        panic!("{} posts", seen.len())
    };
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(
        headers["user-agent"],
        concat!("fluxgate/", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(headers["x-api-key"], "known-key");
    assert_eq!(headers["webhook-id"], "evt_1");
    assert_eq!(headers["webhook-timestamp"], "1760000000");
    assert_eq!(headers["webhook-signature"], "v1,AAAA v1,BBBB");
    assert_eq!(headers["traceparent"], TRACE_PARENT);
    assert_eq!(headers["tracestate"], "a=b");
    assert_eq!(&body[..], br#"{"type":"task.completed"}"#);
}

#[tokio::test]
async fn a_receiver_s_status_and_retry_after_are_told() {
    let busy = || async {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "120")],
        )
    };
    let past = || async {
        (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, "Wed, 21 Oct 2015 07:28:00 GMT")],
        )
    };
    let gone = || async { StatusCode::GONE };
    let router = Router::new()
        .route("/busy", post(busy))
        .route("/past", post(past))
        .route("/gone", post(gone));
    let url = serve(router).await;

    let busy = send(outgoing(&url.join("/busy").unwrap())).await;
    let past = send(outgoing(&url.join("/past").unwrap())).await;
    let gone = send(outgoing(&url.join("/gone").unwrap())).await;

    assert_eq!(
        busy,
        SendOutcome::Answered(CallbackAnswer {
            status: 503,
            retry_after: Some("120".to_owned()),
            retry_after_ms: Some(120_000),
            ..CallbackAnswer::default()
        })
    );
    assert_eq!(
        past,
        SendOutcome::Answered(CallbackAnswer {
            status: 429,
            retry_after: Some("Wed, 21 Oct 2015 07:28:00 GMT".to_owned()),
            retry_after_ms: Some(0),
            ..CallbackAnswer::default()
        })
    );
    assert_eq!(gone, answered(410));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let followed = Count::default();
    let counter = followed.clone();
    let target = move || async move { _ = counter.one_more() };
    let router = Router::new()
        .route("/hook", post(|| async { Redirect::temporary("/target") }))
        .route("/target", post(target.clone()).get(target));
    let url = serve(router).await;

    let outcome = send(outgoing(&url.join("/hook").unwrap())).await;

    let redirect = CallbackAnswer {
        status: 307,
        location: Some("/target".to_owned()),
        ..CallbackAnswer::default()
    };
    assert_eq!(outcome, SendOutcome::Answered(redirect));
    assert_eq!(followed.get(), 0);
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let endless = || async {
        Body::from_stream(stream::repeat_with(|| {
            Ok::<_, std::io::Error>(vec![b'x'; 16 * 1024])
        }))
    };
    let url = serve(Router::new().route("/hook", post(endless))).await;

    let patient = CallbackRequest {
        timeout_ms: 3_600_000,
        ..outgoing(&url.join("/hook").unwrap())
    };
    let outcome = tokio::time::timeout(Duration::from_secs(30), send(patient)).await;

    assert_eq!(outcome.unwrap(), answered(200));
}

#[tokio::test]
async fn a_body_that_stalls_after_the_status_takes_nothing_back() {
    let start = b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let stall = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_vec();

    for (bytes, status) in [(start, 204), (stall, 200)] {
        let (url, _) = serve_bytes(Manners::SayAndStall(bytes)).await;
        let outcome = send(CallbackRequest {
            timeout_ms: 300,
            ..outgoing(&url)
        })
        .await;
        assert_eq!(outcome, answered(status));
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_in_time_failed() {
    let (url, posts) = serve_bytes(Manners::SayAndStall(Vec::new())).await;

    let outcome = send(CallbackRequest {
        timeout_ms: 300,
        ..outgoing(&url)
    })
    .await;

    assert_eq!(reason(outcome), "the receiver did not answer in time");
    assert_eq!(posts.get(), 1);
}

/// A listener that accepts nothing, with as many waiting as it may have: the kernel drops what else
/// would connect.
async fn full_listener() -> (TcpListener, Vec<TcpStream>, Url) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let connect = || tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(addr));
    while let Ok(connected) = connect().await {
        waiting.push(connected.unwrap());
    }
    (
        listener,
        waiting,
        Url::parse(&format!("http://{addr}")).unwrap(),
    )
}

#[tokio::test]
async fn connecting_has_a_time_out_of_its_own() {
    let (_listener, _waiting, url) = full_listener().await;
    let patient = CallbackRequest {
        timeout_ms: 3_600_000,
        ..outgoing(&url)
    };

    let outcome = tokio::time::timeout(Duration::from_secs(60), send(patient)).await;

    let unreached = SendOutcome::Failed {
        class: ErrorClass::Timeout,
        reason: "the receiver could not be reached in time".to_owned(),
    };
    assert_eq!(outcome.unwrap(), unreached);
}

#[tokio::test]
async fn reasons_name_the_failure_and_nothing_of_the_url() {
    let secret = "/secret-path?token=secret";
    let (hang_up, _) = serve_hang_ups().await;
    let (nonsense, _) = serve_bytes(Manners::Say(b"HELO\r\n\r\n".to_vec())).await;
    let plain = serve(Router::new()).await;
    let no_name = Url::parse("http://no-such-name.invalid:80").unwrap();

    for (url, expected) in [
        (
            nobody().await.join(secret).unwrap(),
            "the receiver refused the connection",
        ),
        (
            no_name.join(secret).unwrap(),
            "the receiver could not be reached: its name does not resolve",
        ),
        (
            hang_up.join(secret).unwrap(),
            "the receiver closed the connection without a readable response",
        ),
        (
            nonsense.join(secret).unwrap(),
            "the receiver closed the connection without a readable response",
        ),
        (
            at(&plain, "https://127.0.0.1", secret),
            "the receiver failed the TLS handshake",
        ),
    ] {
        let reason = reason(send(outgoing(&url)).await);
        assert!(reason.starts_with(expected), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[tokio::test]
async fn a_callback_to_a_forbidden_address_fails_and_says_so() {
    let (url, connections) = serve_hang_ups().await;
    let sender = HttpCallbackSender::new(strict_guard().client(Purpose::Callback));

    for host in ["https://localhost", "https://127.0.0.1", "http://localhost"] {
        let reason = reason(sender.send(outgoing(&at(&url, host, "/hook"))).await);
        assert!(reason.contains("--allow-net"), "{reason}");
    }
    assert_eq!(connections.get(), 0);
}
