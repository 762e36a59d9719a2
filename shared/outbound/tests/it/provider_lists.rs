//! The provider's list of runs: by it a submit in doubt is resolved.

use std::sync::{Arc, Mutex};

use axum::routing::post;
use axum::{Json, Router};
use fluxgate_core::port::{Clock as _, Provider, RunList, RunSpan, SystemClock};
use fluxgate_core::time::Timestamp;
use fluxgate_outbound::WaveSpeedClient;
use serde_json::{Value, json};

use crate::provider_client::{client, model, success};
use crate::servers::trace;

const NEWEST: i64 = 1_760_000_000_000;

/// Run number `n` of a list, newest first, one a second.
fn listed(n: i64, model: &str) -> Value {
    let created_at = Timestamp(NEWEST - n * 1_000).rfc3339();
    json!({ "id": format!("run{n}"), "model": model, "created_at": created_at, "input": { "n": n } })
}

/// A provider with this many runs, the first of which are deleted one by one where a page is asked
/// for; keeps the questions it was asked.
async fn shrinking(runs: i64, deleted: i64) -> (WaveSpeedClient, Arc<Mutex<Vec<Value>>>) {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let list = move |Json(question): Json<Value>| async move {
        let page = question["page"].as_i64().unwrap();
        let until = question["created_before"].as_str().unwrap();
        let until = Timestamp::from_rfc3339(until).unwrap();
        let before = {
            let mut kept = kept.lock().unwrap();
            kept.push(question);
            i64::try_from(kept.len()).unwrap()
        };
        // Once a look is over.
        let gone = if before > 50 { deleted } else { 0 };
        let later = (NEWEST - until.0).max(0) / 1_000;
        let first = later + gone + (page - 1) * 100;
        let items: Vec<Value> = (first..runs.min(first + 100))
            .map(|n| listed(n, model().as_str()))
            .collect();
        success(json!({ "page": page, "items": items }))
    };
    (
        client(Router::new().route("/api/v3/predictions", post(list))).await,
        asked,
    )
}

async fn listing(runs: i64) -> (WaveSpeedClient, Arc<Mutex<Vec<Value>>>) {
    shrinking(runs, 0).await
}

/// A look at what was created between two moments, in milliseconds from the newest run on.
async fn look(client: &WaveSpeedClient, (since, until): (i64, i64)) -> RunList {
    look_at_rest(client, (since, until), None).await
}

/// The same at what an answer left.
async fn look_at_rest(
    client: &WaveSpeedClient,
    (since, until): (i64, i64),
    rest: Option<Timestamp>,
) -> RunList {
    let span = RunSpan {
        since: Timestamp(NEWEST + since),
        until: Timestamp(NEWEST + until),
        rest,
    };
    let list = client.runs_between(&model(), span, &trace()).await;
    list.unwrap()
}

fn until(ms: i64) -> RunSpan {
    RunSpan {
        since: Timestamp(0),
        until: Timestamp(ms),
        rest: None,
    }
}

fn pages(asked: &Mutex<Vec<Value>>) -> Vec<i64> {
    let asked = asked.lock().unwrap();
    asked
        .iter()
        .map(|question| question["page"].as_i64().unwrap())
        .collect()
}

/// Everything that the tests' providers list.
const EVER: (i64, i64) = (-20_000_000, 1_000);

#[tokio::test]
async fn runs_are_listed_page_by_page_with_their_inputs() {
    let (client, asked) = listing(150).await;

    let list = look(&client, (-199_500, 40_500)).await;

    assert_eq!((list.runs.len(), list.whole), (150, true));
    assert_eq!(list.runs[149].inputs, Some(json!({"n": 149})));
    for at in [list.told_at.unwrap(), list.read_at.unwrap()] {
        assert!(SystemClock.now().since_ms(at) < 60_000, "{at:?}");
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    let expected = json!({
        "page": 1, "page_size": 100, "model": "wavespeed-ai/flux-kontext-max",
        "created_after": "2025-10-09T08:50:00.000Z", "created_before": "2025-10-09T08:55:00.000Z",
        "include_inputs": true
    });
    assert_eq!(
        asked[0], expected,
        "rounded, so that others ask for the same"
    );
}

#[tokio::test]
async fn a_list_is_read_no_further_than_asked() {
    let (client, asked) = listing(10_000).await;

    let list = look(&client, (-9_000, 1_000)).await;

    assert_eq!((list.runs.len(), list.whole), (10, true));
    assert_eq!(pages(&asked), [1]);
}

/// It was begun anew at each look, and never came to its end.
#[tokio::test]
async fn a_list_that_is_too_long_for_one_look_is_gone_on_with_at_the_next() {
    let (client, asked) = listing(9_950).await;

    let first = look(&client, EVER).await;
    let begun = pages(&asked);
    let second = look(&client, EVER).await;
    let third = look(&client, EVER).await;

    let read = [&first, &second, &third].map(|list| (list.runs.len(), list.whole));
    assert_eq!(read, [(5_000, false), (9_900, false), (9_950, true)]);
    assert_eq!(begun, (1..=50).collect::<Vec<_>>());
    let expected = (1..=50).chain(50..=99).chain(99..=100);
    assert_eq!(pages(&asked), expected.collect::<Vec<_>>());
    assert_eq!(first.read_at, third.read_at, "it says what was there then");
}

/// It ended at 20,000 runs, and nobody learned of those before.
#[tokio::test]
async fn a_list_of_more_runs_than_a_reading_holds_is_read_in_parts() {
    let (client, asked) = listing(20_150).await;
    let ever = (-40_000_000, 1_000);
    let mut first = look(&client, ever).await;
    for _ in 0..4 {
        assert_eq!(first.read_back_to, None, "it is not over");
        first = look(&client, ever).await;
    }

    let rest = look_at_rest(&client, ever, first.read_back_to).await;
    let begun = asked.lock().unwrap().len();
    let again = look(&client, ever).await;

    assert_eq!((first.runs.len(), first.whole), (20_000, false));
    assert_eq!(first.read_back_to, Some(Timestamp(NEWEST - 19_999_000)));
    let ids = |list: &RunList| list.runs.last().unwrap().id.as_str().to_owned();
    assert_eq!((rest.runs.len(), ids(&rest)), (151, "run20149".to_owned()));
    assert_eq!((rest.whole, rest.read_back_to), (true, None));
    assert_eq!(again.runs.len(), 20_000);
    assert_eq!(asked.lock().unwrap().len(), begun, "the first part stands");
}

/// What moved up meanwhile would be passed over.
#[tokio::test]
async fn a_list_that_lost_runs_since_the_last_look_is_begun_anew() {
    let (client, asked) = shrinking(6_050, 100).await;

    let first = look(&client, EVER).await;
    let second = look(&client, EVER).await;

    assert_eq!((first.runs.len(), first.whole), (5_000, false));
    assert_eq!(pages(&asked)[50..53], [50, 1, 2]);
    assert!(second.read_at > first.read_at);
    assert!(!second.whole);
}

#[tokio::test]
async fn many_looks_at_the_same_minutes_share_one_walk() {
    let (client, asked) = listing(2_950).await;
    let looks = (0..27).map(|n| look(&client, (-5_000_000 + n, 1_000 + n)));

    let lists = futures::future::join_all(looks).await;

    assert!(lists.iter().all(|list| list.whole));
    assert!(lists.iter().all(|list| list.runs.len() == 2_950));
    assert_eq!(pages(&asked).len(), 30);
}

#[tokio::test]
async fn a_list_of_everything_is_narrowed_to_the_model_and_to_what_can_be_read() {
    let items = json!([listed(1, "other/model"), {"no": "id"}, listed(2, "wavespeed-ai/flux-kontext-max"), {"id": "bare"}]);
    let list = move || async move { success(json!({ "items": items })) };
    let client = client(Router::new().route("/api/v3/predictions", post(list))).await;

    let list = client
        .runs_between(&model(), until(2_000_000_000_000), &trace())
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
            .runs_between(&model(), until(1), &trace())
            .await
            .map(|list| (list, client.clock_ahead_ms()))
            .unwrap()
    };

    let (told, ahead_ms) = dated("Thu, 01 Jan 2026 00:01:30 GMT").await;

    assert_eq!(
        (told.told_at, told.whole),
        (Timestamp::from_rfc3339("2026-01-01T00:01:30Z"), true)
    );
    let since = SystemClock.now().since_ms(told.told_at.unwrap());
    assert!(since.abs_diff(ahead_ms.unwrap().try_into().unwrap()) < 60_000);
    let (untold, ahead_ms) = dated("a moment ago").await;
    assert_eq!((untold.told_at, ahead_ms), (None, None));
}
