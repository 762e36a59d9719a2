//! A submit in doubt before more runs than one reading of the provider's list holds.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::post;
use axum::{Json, Router};
use fluxgate_core::app::{Context, Worker as _};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::retry::Growing;
use fluxgate_core::task::{Admission, Lane};
use fluxgate_core::time::Timestamp;
use fluxgate_tests::contract::{Stores, admission_at};
use fluxgate_tests::roles::provider;
use fluxgate_tests::{Roles, eventually};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const OTHERS: i64 = 20_500;
const PAGE: i64 = 100;
/// The first of the others' runs came so long after the submit.
const LATER_MS: i64 = 1_000;

/// The others' runs, one a millisecond, newest first; and before them that of the submit.
fn run(submitted: Timestamp, n: i64) -> Value {
    let (at, prompt) = match n {
        OTHERS => (submitted.0, "x"),
        n => (submitted.0 + LATER_MS + OTHERS - n, "y"),
    };
    json!({
        "id": format!("run{n}"), "model": "wavespeed-ai/flux-kontext-max", "status": "processing",
        "created_at": Timestamp(at).rfc3339(), "input": { "prompt": prompt },
    })
}

fn page(submitted: Timestamp, question: &Value) -> Value {
    let until = question["created_before"].as_str().unwrap();
    let until = Timestamp::from_rfc3339(until).unwrap();
    let later = (submitted.0 + LATER_MS + OTHERS - until.0).clamp(0, OTHERS);
    let first = later + (question["page"].as_i64().unwrap() - 1) * PAGE;
    let runs = (first..=OTHERS.min(first + PAGE - 1)).map(|n| run(submitted, n));
    json!({ "code": 200, "data": { "items": runs.collect::<Vec<_>>() } })
}

/// A provider that has them, and answers nothing else.
async fn listing(submitted: Timestamp) -> String {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = listener.await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let list = move |Json(question): Json<Value>| async move { Json(page(submitted, &question)) };
    let router = Router::new().route("/api/v3/predictions", post(list));
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

fn quick() -> Bounds {
    let soon = Growing {
        first_ms: 0,
        max_ms: 100,
    };
    Bounds {
        submit_timeout_ms: 300,
        watch: soon,
        wake: soon,
        ..Bounds::default()
    }
}

/// Nobody learned of it, and the task ended as `submit_unresolved` although it was paid for.
#[tokio::test]
async fn a_run_before_twenty_thousand_others_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let stores = Stores::on_sqlite(folder.path());
    let submitted = SystemClock.now();
    let roles = Roles::over(&stores);
    let poller = Roles {
        context: Context {
            bounds: Arc::new(quick()),
            ..roles.context.clone()
        },
        provider: Arc::new(provider(&listing(submitted).await, "key")),
        ..roles
    };
    let poller = poller.watcher();
    let tenant = stores.funded(1).await;
    let doubtful = Admission {
        watch_after_ms: 0,
        ..admission_at(&tenant, submitted)
    };
    let task = stores.admit(doubtful).await.unwrap();

    let found = eventually("the run", || async {
        for lease in stores.queue.receive(Lane::Watch, 10, 5_000).await.unwrap() {
            poller.work(&lease).await.unwrap();
        }
        stores.tasks.get(&tenant, &task.id).await.unwrap().run
    })
    .await;

    assert_eq!(found.to_string(), format!("run{OTHERS}"));
}
