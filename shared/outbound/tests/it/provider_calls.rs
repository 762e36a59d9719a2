//! Everything else that is asked of the provider.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use fluxgate_core::id::RunId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Provider, WebhookSecrets as _};
use fluxgate_core::provider::RunStatus;
use fluxgate_core::secret::Secret;
use fluxgate_core::task::{Signal, Via};
use fluxgate_core::{Kind, Retry};
use fluxgate_outbound::{ProviderSettings, Roots, WaveSpeedClient};
use serde_json::{Map, Value, json};
use url::Url;

use crate::provider_client::{client, client_keeping, model, success};
use crate::servers::{Count, nobody, serve, trace};

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
        .result(&RunId::parse("done").unwrap(), &trace())
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
        client
            .result(&RunId::parse("gone").unwrap(), &trace())
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        client
            .result(&RunId::parse("lost").unwrap(), &trace())
            .await
            .unwrap(),
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
            .result(&RunId::parse(status).unwrap(), &trace())
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
        .result(&RunId::parse("secret-id").unwrap(), &trace())
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
        client.quote(&model(), &inputs, [0; 32]).await.unwrap(),
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
        let error = client
            .quote(&model(), &Map::new(), [0; 32])
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.code),
            (Kind::Unavailable, "provider_unreadable")
        );
    }
}

/// A tenant whose run failed read the key in its task, where the provider had quoted it.
#[tokio::test]
async fn what_a_run_says_of_the_key_or_of_the_webhook_secret_is_left_out() {
    let failed = json!({ "id": "a1", "status": "failed",
        "error": "KEY sk-secret, whsec_of-a-test: http://a.example/secret?sig=SIGSECRET" });
    let result = move || async move { success(failed) };
    let secret = || async { success(json!({ "secret": "whsec_of-a-test" })) };
    let router = Router::new()
        .route("/api/v3/predictions/a1/result", get(result))
        .route("/api/v3/webhook/secret", get(secret));
    let client = client_keeping(serve(router).await, 60_000);
    client.webhook_secret().await.unwrap();

    let run = client.result(&RunId::parse("a1").unwrap(), &trace()).await;
    let Signal::RunFailed { failure, .. } = run.unwrap().unwrap().signal(Via::Poll) else {
        panic!("the run failed")
    };

    assert_eq!(failure.message, "KEY …, …: http://a.example/secret?…");
    let mut webhook = json!({ "error": "KEY sk-secret" });
    client.leave_out_key(&mut webhook).await.unwrap();
    assert_eq!(webhook, json!({ "error": "KEY …" }));
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
