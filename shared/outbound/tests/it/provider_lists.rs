//! The provider's list of runs: by it a submit in doubt is resolved.

use std::sync::{Arc, Mutex};

use axum::routing::post;
use axum::{Json, Router};
use fluxgate_core::port::{Clock as _, Provider, SystemClock};
use fluxgate_core::time::Timestamp;
use fluxgate_outbound::WaveSpeedClient;
use serde_json::{Value, json};

use crate::provider_client::{client, model, success};
use crate::servers::trace;

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
        .runs_between(
            &model(),
            Timestamp(1_000),
            Timestamp(2_000_000_000_000),
            &trace(),
        )
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
        .runs_between(
            &model(),
            Timestamp(0),
            Timestamp(2_000_000_000_000),
            &trace(),
        )
        .await
        .unwrap();
    let recent = dated
        .runs_between(
            &model(),
            Timestamp(1_760_000_000_000 - 9_000),
            Timestamp(2_000_000_000_000),
            &trace(),
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
        .runs_between(
            &model(),
            Timestamp(0),
            Timestamp(2_000_000_000_000),
            &trace(),
        )
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
            .runs_between(&model(), Timestamp(0), Timestamp(1), &trace())
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
