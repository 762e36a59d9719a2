//! Everything else that is asked of the provider.

use std::sync::{Arc, Mutex};

use axum::extract::{Multipart, Path};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use fluxgate_core::id::{ModelId, RunId};
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Clock as _, Provider, SystemClock, Upload, WebhookSecrets as _};
use fluxgate_core::provider::RunStatus;
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Retry};
use fluxgate_outbound::{ProviderSettings, Roots, WaveSpeedClient};
use futures::StreamExt as _;
use futures::stream;
use serde_json::{Map, Value, json};
use url::Url;

use crate::servers::{Count, nobody, serve};

fn client_keeping(base_url: Url, catalogue_ttl_ms: u64) -> WaveSpeedClient {
    let api_key = Secret::new("sk-secret");
    WaveSpeedClient::new(ProviderSettings {
        base_url,
        api_key: Arc::new(api_key),
        timeout_ms: 2_000,
        catalogue_ttl_ms,
        roots: Roots::System,
    })
    .unwrap()
}

async fn client(router: Router) -> WaveSpeedClient {
    client_keeping(serve(router).await, 60_000)
}

fn success(data: Value) -> Json<Value> {
    let mut envelope = json!({ "code": 200, "message": "success" });
    envelope["data"] = data;
    Json(envelope)
}

fn model() -> ModelId {
    ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap()
}

#[tokio::test]
async fn a_result_is_read_and_a_run_unknown_provider_is_none() {
    let result = |Path(id): Path<String>| async move {
        match id.as_str() {
            "done" => Ok(success(
                json!({"id": "done", "status": "completed", "outputs": ["https://cdn.example/a.png"]}),
            )),
            "lost" => Ok(Json(json!({"code": 404, "message": "no such prediction"}))),
            _ => Err(StatusCode::NOT_FOUND),
        }
    };
    let client = client(Router::new().route("/api/v3/predictions/{id}/result", get(result))).await;

    let done = client
        .result(&RunId::parse("done").unwrap())
        .await
        .unwrap()
        .unwrap();

    assert_eq!(
        (done.status, done.outputs),
        (
            RunStatus::Completed,
            vec!["https://cdn.example/a.png".to_owned()]
        )
    );
    assert_eq!(
        client.result(&RunId::parse("gone").unwrap()).await.unwrap(),
        None
    );
    assert_eq!(
        client.result(&RunId::parse("lost").unwrap()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn failures_are_sorted_by_what_the_caller_does_next() {
    let result = |Path(status): Path<u16>| async move {
        (
            StatusCode::from_u16(status).unwrap(),
            [("retry-after", "3")],
            r#"{"code":1,"message":"no \n sk-secret?"}"#,
        )
    };
    let client = client(Router::new().route("/api/v3/predictions/{id}/result", get(result))).await;

    for (status, kind, retry) in [
        ("401", Kind::Unavailable, Retry::Later),
        ("403", Kind::Unavailable, Retry::Later),
        ("429", Kind::Busy, Retry::AfterMs(3_000)),
        ("400", Kind::Invalid, Retry::Never),
        ("500", Kind::Unavailable, Retry::Later),
        ("302", Kind::Unavailable, Retry::Later),
    ] {
        let error = client
            .result(&RunId::parse(status).unwrap())
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.retry), (kind, retry), "{status}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_away_is_unavailable_and_its_error_shows_nothing() {
    let client = client_keeping(nobody().await, 60_000);

    let error = client
        .result(&RunId::parse("secret-id").unwrap())
        .await
        .unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "provider_unavailable")
    );
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}

/// Run number `n` of a list, newest first, one a second.
fn listed(n: i64, model: &str) -> Value {
    let created_at = Timestamp(1_760_000_000_000 - n * 1_000).rfc3339();
    json!({ "id": format!("run{n}"), "model": model, "created_at": created_at, "input": { "n": n } })
}

/// A provider with this many runs; keeps the questions it was asked.
async fn listing(runs: i64) -> (WaveSpeedClient, Arc<Mutex<Vec<Value>>>) {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let list = move |Json(question): Json<Value>| async move {
        let page = question["page"].as_i64().unwrap();
        kept.lock().unwrap().push(question);
        let items: Vec<Value> = ((page - 1) * 100..runs.min(page * 100))
            .map(|n| listed(n, model().as_str()))
            .collect();
        success(json!({ "page": page, "items": items }))
    };
    (
        client(Router::new().route("/api/v3/predictions", post(list))).await,
        asked,
    )
}

#[tokio::test]
async fn runs_are_listed_page_by_page_with_their_inputs() {
    let (client, asked) = listing(150).await;

    let list = client
        .runs_between(&model(), Timestamp(1_000), Timestamp(2_000_000_000_000))
        .await
        .unwrap();

    assert_eq!((list.runs.len(), list.whole), (150, true));
    assert_eq!(list.runs[149].inputs, Some(json!({"n": 149})));
    let told_at = list.told_at.unwrap();
    assert!(SystemClock.now().since_ms(told_at) < 60_000, "{told_at:?}");
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    let expected = json!({
        "page": 1, "page_size": 100, "model": "wavespeed-ai/flux-kontext-max",
        "created_after": "1970-01-01T00:00:01.000Z", "created_before": "2033-05-18T03:33:20.000Z",
        "include_inputs": true
    });
    assert_eq!(asked[0], expected);
}

#[tokio::test]
async fn a_list_is_read_no_further_than_twenty_pages_and_no_further_than_asked() {
    let (endless, asked_endless) = listing(10_000).await;
    let (dated, asked_dated) = listing(10_000).await;

    let all = endless
        .runs_between(&model(), Timestamp(0), Timestamp(2_000_000_000_000))
        .await
        .unwrap();
    let recent = dated
        .runs_between(
            &model(),
            Timestamp(1_760_000_000_000 - 9_000),
            Timestamp(2_000_000_000_000),
        )
        .await
        .unwrap();

    assert_eq!(
        (
            all.runs.len(),
            all.whole,
            asked_endless.lock().unwrap().len()
        ),
        (2_000, false, 20)
    );
    assert_eq!(
        (
            recent.runs.len(),
            recent.whole,
            asked_dated.lock().unwrap().len()
        ),
        (10, true, 1)
    );
}

#[tokio::test]
async fn a_list_of_everything_is_narrowed_to_the_model_and_to_what_can_be_read() {
    let items = json!([listed(1, "other/model"), {"no": "id"}, listed(2, "wavespeed-ai/flux-kontext-max"), {"id": "bare"}]);
    let list = move || async move { success(json!({ "items": items })) };
    let client = client(Router::new().route("/api/v3/predictions", post(list))).await;

    let list = client
        .runs_between(&model(), Timestamp(0), Timestamp(2_000_000_000_000))
        .await
        .unwrap();

    assert_eq!(
        list.runs
            .iter()
            .map(|run| run.id.as_str())
            .collect::<Vec<_>>(),
        ["run2", "bare"]
    );
    assert!(!list.whole, "an item that cannot be read may be the one");
}

#[tokio::test]
async fn a_list_says_what_time_it_was_for_provider_if_that_can_be_read() {
    let dated = |date: &'static str| async move {
        let list = move || async move { ([("date", date)], success(json!({ "items": null }))) };
        let client = client(Router::new().route("/api/v3/predictions", post(list))).await;
        client
            .runs_between(&model(), Timestamp(0), Timestamp(1))
            .await
            .unwrap()
    };

    let told = dated("Thu, 01 Jan 2026 00:01:30 GMT").await;

    assert_eq!(
        (told.told_at, told.whole),
        (Timestamp::from_rfc3339("2026-01-01T00:01:30Z"), true)
    );
    assert_eq!(dated("a moment ago").await.told_at, None);
}

#[tokio::test]
async fn the_catalogue_is_asked_for_once_by_many_at_once() {
    let asked = Count::default();
    let counter = asked.clone();
    let models = move || async move {
        counter.one_more();
        success(json!([{"model_id": "a/b"}]))
    };
    let client = Arc::new(client(Router::new().route("/api/v3/models", get(models))).await);

    let callers: Vec<_> = (0..20)
        .map(|_| Arc::clone(&client))
        .map(|client| tokio::spawn(async move { client.catalogue().await.unwrap().raw().len() }))
        .collect();

    for caller in callers {
        assert_eq!(caller.await.unwrap(), 1);
    }
    assert_eq!(asked.get(), 1);
}

#[tokio::test]
async fn an_outdated_catalogue_is_refreshed_and_used_when_it_cannot_be() {
    let asked = Count::default();
    let counter = asked.clone();
    let models = move || async move {
        match counter.one_more() {
            1 => Ok(success(json!([{"model_id": "a/b"}]))),
            2 => Ok(success(json!([{"model_id": "a/b"}, {"model_id": "c/d"}]))),
            _ => Err(StatusCode::BAD_GATEWAY),
        }
    };
    let client = client_keeping(
        serve(Router::new().route("/api/v3/models", get(models))).await,
        0,
    );

    let mut lengths = Vec::new();
    for _ in 0..4 {
        lengths.push(client.catalogue().await.unwrap().raw().len());
    }

    assert_eq!(lengths, [1, 2, 2, 2]);
}

/// Each caller in the queue would else wait for a failure of its own, one after the other.
#[tokio::test]
async fn without_any_catalogue_many_callers_share_a_failure() {
    const CALLERS: usize = 50;
    let asked = Count::default();
    let counter = asked.clone();
    let models = move || async move {
        counter.one_more();
        StatusCode::BAD_GATEWAY
    };
    let client = client(Router::new().route("/api/v3/models", get(models))).await;

    let answers = futures::future::join_all((0..CALLERS).map(|_| client.catalogue())).await;

    assert!(
        answers
            .into_iter()
            .all(|answer| answer.err().unwrap().kind == Kind::Unavailable)
    );
    assert!(asked.get() < CALLERS, "{} times", asked.get());
}

#[tokio::test]
async fn the_webhook_secret_is_kept() {
    let asked = Count::default();
    let counter = asked.clone();
    let secret = move || async move {
        counter.one_more();
        success(json!({"secret": "whsec_abc"}))
    };
    let client = client(Router::new().route("/api/v3/webhook/secret", get(secret))).await;

    for _ in 0..3 {
        assert_eq!(client.webhook_secret().await.unwrap().expose(), "whsec_abc");
    }
    assert_eq!(asked.get(), 1);
}

#[tokio::test]
async fn a_quote_is_what_provider_asks_for_these_inputs() {
    let price = |Json(question): Json<Value>| async move {
        assert_eq!(
            question,
            json!({"model_id": "wavespeed-ai/flux-kontext-max", "inputs": {"num_images": 2}})
        );
        success(json!({"model_id": question["model_id"], "unit_price": "0.16", "currency": "USD"}))
    };
    let client = client(Router::new().route("/api/v3/model/pricing", post(price))).await;
    let inputs = Map::from_iter([("num_images".to_owned(), json!(2))]);

    assert_eq!(
        client.quote(&model(), &inputs).await.unwrap(),
        MicroUsd(160_000)
    );
}

#[tokio::test]
async fn a_quote_without_a_price_is_unreadable_and_not_free() {
    for data in [
        json!({}),
        json!({"unit_price": null}),
        json!({"unit_price": -1}),
        json!({"unit_price": "a lot"}),
    ] {
        let client = client(Router::new().route(
            "/api/v3/model/pricing",
            post(move || async { success(data) }),
        ))
        .await;
        let error = client.quote(&model(), &Map::new()).await.unwrap_err();
        assert_eq!(
            (error.kind, error.code),
            (Kind::Unavailable, "provider_unreadable")
        );
    }
}

fn upload_of(content_type: &str) -> Upload {
    let pieces = [
        Ok(Bytes::from_static(b"GIF89a")),
        Ok(Bytes::from_static(b"-rest")),
    ];
    let (filename, content_type) = ("a \"b\".gif".to_owned(), content_type.to_owned());
    Upload {
        filename,
        content_type,
        bytes: stream::iter(pieces).boxed(),
    }
}

#[tokio::test]
async fn an_upload_is_streamed_as_the_file_of_a_form() {
    let take = |mut form: Multipart| async move {
        let field = form.next_field().await.unwrap().unwrap();
        assert_eq!(
            (field.name(), field.content_type()),
            (Some("file"), Some("image/gif"))
        );
        assert!(field.file_name().unwrap().ends_with(".gif"));
        assert_eq!(&field.bytes().await.unwrap()[..], b"GIF89a-rest");
        success(json!({"download_url": "https://media.example/a.gif", "size": 11}))
    };
    let client = client(Router::new().route("/api/v3/media/upload/binary", post(take))).await;

    let answer = client.upload(upload_of("image/gif")).await.unwrap();
    let error = client.upload(upload_of("not a type")).await.unwrap_err();

    assert_eq!(answer["download_url"], "https://media.example/a.gif");
    assert_eq!(
        (error.kind, error.code),
        (Kind::Invalid, "invalid_content_type")
    );
}

#[tokio::test]
async fn an_upload_that_is_too_large_for_the_provider_is_told_as_its_bound() {
    let refuse = |_: Bytes| async {
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            Json(json!({"code": 413, "message": "at most 5 MB"})),
        )
    };
    let client = client(Router::new().route("/api/v3/media/upload/binary", post(refuse))).await;

    let error = client.upload(upload_of("image/gif")).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::TooLarge, "provider_refused")
    );
    assert!(
        error.message.contains("the model's provider") && error.message.contains("at most 5 MB"),
        "{error}"
    );
}

#[tokio::test]
async fn an_upload_ticket_is_asked_for_with_the_tenant_s_request() {
    let ticket = |Json(question): Json<Value>| async move { success(json!({"asked": question})) };
    let client = client(Router::new().route("/api/v3/media/uploads", post(ticket))).await;

    let answer = client
        .upload_ticket(&json!({"filename": "a.png", "size": 5}))
        .await
        .unwrap();

    assert_eq!(answer, json!({"asked": {"filename": "a.png", "size": 5}}));
}

#[tokio::test]
async fn a_key_that_no_header_takes_is_refused_and_nothing_is_sent() {
    let settings = ProviderSettings {
        base_url: Url::parse("https://api.example").unwrap(),
        api_key: Arc::new(Secret::new("sk-secret\n")),
        timeout_ms: 1,
        catalogue_ttl_ms: 1,
        roots: Roots::System,
    };

    let error = WaveSpeedClient::new(settings)
        .unwrap()
        .catalogue()
        .await
        .err()
        .unwrap();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "invalid_provider_key")
    );
    assert!(fluxgate_outbound::check_api_key(&Secret::new("sk-secret\n")).is_err());
    assert!(!format!("{error:?}").contains("secret"));
}
