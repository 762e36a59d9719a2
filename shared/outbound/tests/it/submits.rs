//! Submits: each way one can end, and that none is ever sent twice.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use fluxgate_core::id::ModelId;
use fluxgate_core::port::{Provider, PutOff, SubmitAnswer, SubmitCall};
use fluxgate_core::secret::Secret;
use fluxgate_core::task::Failure;
use fluxgate_outbound::{ProviderSettings, Roots, WaveSpeedClient};
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::servers::{
    Count, Manners, at, http_answer, listen, nobody, read_request, serve, serve_bytes,
    serve_hang_ups, trace,
};

const ACCEPTED: &str =
    r#"{"code":200,"message":"success","data":{"id":"0f3c","status":"created","outputs":[]}}"#;
const WEBHOOK: &str = "https://gate.example/hooks/acme/0001/capability?a=b&c=d";

pub(crate) fn client(base_url: Url) -> WaveSpeedClient {
    let api_key = Secret::new("sk-secret");
    WaveSpeedClient::new(ProviderSettings {
        base_url,
        api_key: Arc::new(api_key),
        timeout_ms: 5_000,
        catalogue_ttl_ms: 60_000,
        roots: Roots::System,
    })
    .unwrap()
}

async fn submit_with(client: &WaveSpeedClient, timeout_ms: u64) -> SubmitAnswer {
    let model = ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap();
    let call = SubmitCall {
        model: &model,
        inputs: r#"{"prompt": "x" }"#,
        webhook: Some(WEBHOOK),
        trace: &trace(),
        timeout_ms,
    };
    client.submit(call).await
}

pub(crate) async fn submit(base_url: Url) -> SubmitAnswer {
    let answer = submit_with(&client(base_url), 5_000).await;
    assert!(!format!("{answer:?}").contains("secret"), "{answer:?}");
    assert!(!format!("{answer:?}").contains("capability"), "{answer:?}");
    answer
}

/// Submits once to a server that says just this; the server must have seen one POST.
async fn submit_to(status: &str, headers: &str, body: &str) -> SubmitAnswer {
    let (url, posts) = serve_bytes(Manners::Say(http_answer(status, headers, body))).await;
    let answer = submit(url).await;
    assert_eq!(posts.get(), 1, "{status}");
    answer
}

pub(crate) fn deferred(answer: SubmitAnswer) -> (PutOff, Option<u64>) {
    match answer {
        SubmitAnswer::Deferred { reason, after_ms } => (reason, after_ms),
        other => panic!("{other:?}"),
    }
}

fn ambiguous(answer: SubmitAnswer) -> String {
    match answer {
        SubmitAnswer::Ambiguous { reason } => reason,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refused(answer: SubmitAnswer) -> Failure {
    match answer {
        SubmitAnswer::Refused(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_submit_carries_the_key_the_inputs_as_they_are_and_the_webhook() {
    let seen: Arc<Mutex<Option<(Uri, HeaderMap, Bytes)>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let take = move |uri: Uri, headers: HeaderMap, body: Bytes| async move {
        *kept.lock().unwrap() = Some((uri, headers, body));
        ACCEPTED
    };
    let url = serve(Router::new().route("/api/v3/{*model}", post(take))).await;

    let answer = submit(url).await;

    assert!(matches!(answer, SubmitAnswer::Accepted(run) if run.id.as_str() == "0f3c"));
    let (uri, headers, body) = seen.lock().unwrap().take().unwrap();
    assert_eq!(uri.path(), "/api/v3/wavespeed-ai/flux-kontext-max");
    assert_eq!(headers["authorization"], "Bearer sk-secret");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(&body[..], br#"{"prompt": "x" }"#);
    let query: Vec<_> = url::form_urlencoded::parse(uri.query().unwrap().as_bytes())
        .into_owned()
        .collect();
    assert_eq!(query, [("webhook".to_owned(), WEBHOOK.to_owned())]);
}

#[tokio::test]
async fn a_base_url_may_have_a_path_of_its_own() {
    let url =
        serve(Router::new().route("/proxy/api/v3/{*model}", post(|| async { ACCEPTED }))).await;

    for path in ["/proxy", "/proxy/"] {
        assert!(
            matches!(
                submit(url.join(path).unwrap()).await,
                SubmitAnswer::Accepted(_)
            ),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_submit_that_could_not_connect_is_deferred() {
    let plain = serve(Router::new().fallback(|| async { ACCEPTED })).await;
    let (hang_up, _) = serve_hang_ups().await;

    for url in [
        nobody().await,
        Url::parse("http://no-such-name.invalid").unwrap(),
        at(&plain, "https://127.0.0.1", ""),
        at(&hang_up, "https://127.0.0.1", ""),
    ] {
        assert_eq!(
            deferred(submit(url.clone()).await),
            (PutOff::Unreachable, None),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_submit_whose_connection_breaks_is_ambiguous() {
    let (at_once, _) = serve_hang_ups().await;
    let (after_reading, posts) = serve_bytes(Manners::Say(Vec::new())).await;

    assert_eq!(
        ambiguous(submit(at_once).await),
        "provider_connection_broken"
    );
    assert_eq!(
        ambiguous(submit(after_reading).await),
        "provider_connection_broken"
    );
    assert_eq!(posts.get(), 1);
}

#[tokio::test]
async fn a_submit_without_an_answer_in_time_is_ambiguous() {
    let half = http_answer("200 OK", "", ACCEPTED)[..90].to_vec();

    for (bytes, reason) in [
        (Vec::new(), "provider_timeout"),
        (half, "provider_unreadable"),
    ] {
        let (url, posts) = serve_bytes(Manners::SayAndStall(bytes)).await;
        assert_eq!(ambiguous(submit_with(&client(url), 300).await), reason);
        assert_eq!(posts.get(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_ambiguous() {
    let short = http_answer("200 OK", "", ACCEPTED)[..90].to_vec();
    let (url, _) = serve_bytes(Manners::Say(short)).await;

    assert_eq!(ambiguous(submit(url).await), "provider_unreadable");
}

#[tokio::test]
async fn a_server_s_error_is_ambiguous() {
    for status in [500, 502, 503, 504, 520, 408, 409, 425, 499] {
        let answer = submit_to(
            &format!("{status} X"),
            "retry-after: 1\r\n",
            r#"{"code":500,"message":"x"}"#,
        )
        .await;
        assert_eq!(ambiguous(answer), format!("provider_status_{status}"));
    }
}

#[tokio::test]
async fn a_200_that_proves_nothing_is_ambiguous() {
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"code":200,"data":null}"#,
        r#"{"code":200,"data":{"status":"created"}}"#,
    ] {
        assert_eq!(
            ambiguous(submit_to("200 OK", "", body).await),
            "provider_unreadable",
            "{body}"
        );
    }
    let odd = r#"{"code":500,"message":"x","data":{"id":"0f3c"}}"#;
    assert_eq!(
        ambiguous(submit_to("200 OK", "", odd).await),
        "provider_code_500"
    );
    assert_eq!(
        ambiguous(submit_to("202 Accepted", "", "").await),
        "provider_unreadable"
    );
}

#[tokio::test]
async fn too_many_requests_defer_the_submit_for_as_long_as_provider_says() {
    let plain = submit_to("429 X", "", "").await;
    let dated = submit_to("429 X", "retry-after: 7\r\n", "").await;
    let in_envelope = submit_to(
        "200 OK",
        "retry-after: 2\r\n",
        r#"{"code":429,"message":"slow down"}"#,
    )
    .await;

    assert_eq!(deferred(plain), (PutOff::Busy, None));
    assert_eq!(deferred(dated), (PutOff::Busy, Some(7_000)));
    assert_eq!(deferred(in_envelope), (PutOff::Busy, Some(2_000)));
}

#[tokio::test]
async fn a_refused_account_defers_the_submit_without_blaming_the_tenant() {
    for status in [401, 402] {
        let answer = submit_to(
            &format!("{status} X"),
            "",
            r#"{"code":401,"message":"bad key sk-secret"}"#,
        )
        .await;
        assert_eq!(deferred(answer).0, PutOff::Account, "{status}");
    }
}

#[tokio::test]
async fn a_refused_request_is_refused_for_good_with_the_provider_s_words() {
    let body = r#"{"code":1400,"message":" prompt\n is required "}"#;

    assert_eq!(
        refused(submit_to("400 X", "", body).await),
        Failure::new(1400, "provider_refused", "prompt is required")
    );
    for status in [400, 404, 413, 422] {
        let failure = refused(submit_to(&format!("{status} X"), "", "<html>").await);
        let message = format!("the provider refused the request with status {status}");
        assert_eq!(failure, Failure::new(1401, "provider_refused", message));
    }
    let in_envelope = r#"{"code":422,"message":"guidance_scale is too high"}"#;
    assert_eq!(
        refused(submit_to("200 OK", "", in_envelope).await).message,
        "guidance_scale is too high"
    );
}

#[tokio::test]
async fn a_refusal_that_quotes_the_key_or_a_signed_link_is_told_without_them() {
    let quoting =
        r#"{"code":400,"message":"no such key: sk-secret at https://a.example/x?sig=secret"}"#;

    let failure = refused(submit_to("400 X", "", quoting).await);

    assert_eq!(failure.message, "no such key: … at https://a.example/x?…");
}

#[tokio::test]
async fn a_refusal_that_quotes_the_webhook_does_not_hand_its_capability_to_the_tenant() {
    let quoting = format!(r#"{{"code":400,"message":"cannot call {WEBHOOK}"}}"#);
    let encoded: String = url::form_urlencoded::byte_serialize(WEBHOOK.as_bytes()).collect();
    let encoded = format!(r#"{{"code":400,"message":"bad query webhook={encoded}"}}"#);

    for body in [quoting, encoded] {
        let failure = refused(submit_to("400 X", "", &body).await);
        assert!(
            !failure.message.contains("capability"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn a_redirect_defers_the_submit_and_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let followed = Count::default();
        let counter = followed.clone();
        let target = move || async move { _ = counter.one_more() };
        let status = StatusCode::from_u16(status).unwrap();
        let router = Router::new()
            .route(
                "/api/v3/{*model}",
                post(move || async move { (status, [("location", "/target")]) }),
            )
            .route("/target", post(target.clone()).get(target));

        let answer = submit(serve(router).await).await;

        assert_eq!(deferred(answer).0, PutOff::Account, "{status}");
        assert_eq!(followed.get(), 0, "{status}");
    }
}

/// The client pools connections, and its layers below repeat what they believe was never sent. Here
/// the second POST on a pooled connection is read and then the connection breaks: it was sent, so
/// it must not come a third time.
#[tokio::test]
async fn a_submit_that_breaks_on_a_reused_connection_is_not_sent_again() {
    let (listener, url) = listen().await;
    let posts = Count::default();
    let counter = posts.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            while read_request(&mut stream).await {
                if counter.one_more() == 2 {
                    break;
                }
                stream
                    .write_all(&http_answer("200 OK", "", ACCEPTED))
                    .await
                    .unwrap();
            }
        }
    });
    let client = client(url);

    let first = submit_with(&client, 5_000).await;
    let second = submit_with(&client, 5_000).await;

    assert!(matches!(first, SubmitAnswer::Accepted(_)), "{first:?}");
    assert_eq!(ambiguous(second), "provider_connection_broken");
    assert_eq!(posts.get(), 2);
}

/// A server that closes each connection right after its answer, without a word: every submit but
/// the first races with a close. Which of them are lost is chance; that none is doubled, and none
/// of those called deferred was read, is not.
#[tokio::test]
async fn submits_that_race_with_a_closing_connection_are_never_doubled() {
    const SUBMITS: usize = 200;
    let (url, posts) = serve_bytes(Manners::Say(http_answer("200 OK", "", ACCEPTED))).await;
    let client = client(url);

    let (mut accepted, mut unclear) = (0, 0);
    for _ in 0..SUBMITS {
        match submit_with(&client, 5_000).await {
            SubmitAnswer::Accepted(_) => accepted += 1,
            SubmitAnswer::Ambiguous { .. } => unclear += 1,
            other => panic!("{other:?}"),
        }
    }

    assert_eq!(accepted + unclear, SUBMITS);
    assert!(
        (accepted..=SUBMITS).contains(&posts.get()),
        "{accepted} accepted, {unclear} unclear, {} posts",
        posts.get()
    );
}
