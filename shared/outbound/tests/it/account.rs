//! What is about our account, and what about one model or file alone.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use fluxgate_core::Kind;
use fluxgate_core::id::ModelId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{AccountCheck, Provider, ProviderBooks as _, PutOff};
use fluxgate_core::task::Failure;
use url::Url;

use crate::servers::{Count, nobody, serve, serve_hang_ups};
use crate::submits::{client, deferred, refused, submit};

/// A provider that forbids every submit in these words, and answers with this status who asks for
/// the balance.
async fn forbidding(balance: u16, body: &'static str) -> (Url, Count) {
    let posts = Count::default();
    let counter = posts.clone();
    let submit = move || async move {
        counter.one_more();
        (StatusCode::FORBIDDEN, body)
    };
    let balance = StatusCode::from_u16(balance).unwrap();
    let router = Router::new()
        .route(
            "/api/v3/balance",
            get(move || async move { (balance, r#"{"code":200,"data":{"balance":1.5}}"#) }),
        )
        .route("/api/v3/{owner}/{*model}", post(submit.clone()))
        .route("/api/v3/model/pricing", post(submit.clone()))
        .route("/api/v3/media/uploads", post(submit));
    (serve(router).await, posts)
}

const OF_THE_PLAN: &str =
    r#"{"code":403,"message":"the plan of ops@company.example does not cover this model"}"#;

#[tokio::test]
async fn a_403_to_an_account_that_may_see_its_balance_is_about_the_model_and_final() {
    let (url, posts) = forbidding(200, OF_THE_PLAN).await;

    let failure = refused(submit(url).await);

    assert_eq!(
        (failure.code, failure.reason.as_str(), posts.get()),
        (1401, "model_forbidden", 1)
    );
    assert!(
        failure.message.contains("wavespeed-ai/flux-kontext-max"),
        "{}",
        failure.message
    );
    assert!(
        !failure.message.contains("plan") && !failure.message.contains("company"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_403_with_a_number_of_the_inputs_keeps_the_provider_s_words() {
    let (url, _) = forbidding(200, r#"{"code":1200,"message":"the prompt was moderated"}"#).await;

    assert_eq!(
        refused(submit(url).await),
        Failure::new(1200, "provider_refused", "the prompt was moderated")
    );
}

#[tokio::test]
async fn a_403_to_an_account_that_may_not_see_its_balance_or_whose_balance_is_unknown_defers() {
    for balance in [401, 402, 403, 429, 500] {
        let (url, _) = forbidding(balance, OF_THE_PLAN).await;

        assert_eq!(deferred(submit(url).await).0, PutOff::Account, "{balance}");
    }
}

#[tokio::test]
async fn a_403_to_a_quote_or_a_ticket_is_about_that_alone_where_the_account_is_good() {
    let model = ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap();
    for (balance, kind, code) in [
        (200, Kind::Forbidden, "provider_forbidden"),
        (403, Kind::Unavailable, "service_unavailable"),
    ] {
        let client = client(forbidding(balance, OF_THE_PLAN).await.0);
        let quote = client
            .quote(&model, &serde_json::Map::new(), [0; 32])
            .await
            .unwrap_err();
        let ticket = client
            .upload_ticket(&serde_json::json!({}))
            .await
            .unwrap_err();

        for error in [quote, ticket] {
            assert_eq!((error.kind, error.code), (kind, code));
            assert!(
                !error.message.contains("account") && !error.message.contains("company"),
                "{}",
                error.message
            );
        }
    }
}

#[tokio::test]
async fn whether_the_account_is_good_is_told_with_what_is_wrong() {
    let check = async |url: Url| client(url).check_account().await;
    let (hang_up, _) = serve_hang_ups().await;
    let strange = serve(Router::new().fallback(|| async { "<html>" })).await;

    assert_eq!(
        check(forbidding(200, "").await.0).await,
        AccountCheck::Good {
            balance: Some(MicroUsd(1_500_000))
        }
    );
    for status in [401, 402, 403] {
        assert_eq!(
            check(forbidding(status, "").await.0).await,
            AccountCheck::Refused { status }
        );
    }
    assert!(
        matches!(check(forbidding(503, "").await.0).await, AccountCheck::Odd { why } if why == "answers 503")
    );
    assert!(
        matches!(check(nobody().await).await, AccountCheck::Unreachable { why } if why.contains("refused"))
    );
    assert!(matches!(
        check(hang_up).await,
        AccountCheck::Unreachable { .. }
    ));
    assert!(matches!(check(strange).await, AccountCheck::Odd { .. }));
}
