//! How long a task may live is one bound of the installation: whoever looks for tasks that live
//! looks back as far.

use std::path::Path;
use std::sync::Arc;

use fluxgate_core::app::{Machine, Sweeper};
use fluxgate_core::day::Day;
use fluxgate_core::id::RunId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{Ids as _, TaskStore as _};
use fluxgate_core::task::{Admission, Signal, State, Task, transition};
use fluxgate_core::time::Timestamp;
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::contract::{admission, finished, now, output};
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, process};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

/// A gateway whose outputs may resist being copied for a month.
async fn patient_gateway() -> Gateway {
    Gateway::with(GatewayOptions {
        bounds: BoundsSettings {
            archive_max_ms: Some(30 * DAY_MS),
            ..quick()
        },
        ..GatewayOptions::default()
    })
    .await
}

/// A free task of 25 days whose outputs are still to be copied, by nobody as yet. It holds no
/// money, so the account tells nobody of it, and more than a page of tasks that ended lies before
/// it.
async fn long_living(gateway: &Gateway, tenant: &TestTenant, run: &str) -> Task {
    let store = &gateway.server.folder().store;
    let made = days_ago(25);
    let new = admission(&tenant.id);
    let task = Task {
        id: SystemEntropy.task_id(made),
        price: MicroUsd::ZERO,
        cost: MicroUsd(80_000),
        created_at: made,
        since: now(),
        ..new.task.clone()
    };
    let admission = Admission {
        task: task.clone(),
        ..new
    };
    store.admit(admission).await.unwrap();
    let admitted = store.get(&tenant.id, &task.id).await.unwrap();
    let run = RunId::parse(run).unwrap();
    let mut change = transition(&admitted, finished(run), made).unwrap();
    change.jobs.clear();
    store.apply(&change).await.unwrap();
    add_ended(&gateway.server.folder().path, &task);
    change.task
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp(now().0 - days * 86_400_000)
}

/// A page and one of tasks that failed 20 days ago.
fn add_ended(data: &Path, like: &Task) {
    let mut database = Connection::open(data.join("fluxgate.db")).unwrap();
    let transaction = database.transaction().unwrap();
    for n in 0..1_001 {
        let made = days_ago(20).plus_ms(n);
        let task = Task {
            id: SystemEntropy.task_id(made),
            state: State::Failed,
            created_at: made,
            since: made,
            ..like.clone()
        };
        let body = serde_json::to_string(&task).unwrap();
        let row = params![task.tenant.as_str(), task.id.as_str(), body];
        transaction
            .execute(
                "INSERT INTO tasks (tenant, id, version, open, body) VALUES (?1, ?2, 1, 0, ?3)",
                row,
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

/// A run that was made at the provider today.
async fn run_of_today(gateway: &Gateway, tenant: &TestTenant) -> String {
    let url = format!("{}/api/v3/{MODEL}", gateway.emulator.base_url());
    let answer = gateway
        .http()
        .post(url)
        .bearer_auth(gateway.emulator.api_key())
        .json(&tenant.inputs().await)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["data"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_lives_as_long_as_the_installation_allows_is_found_by_whoever_looks_for_it() {
    let gateway = patient_gateway().await;
    let tenant = gateway.tenant("acme", "0").await;
    let run = run_of_today(&gateway, &tenant).await;

    let task = long_living(&gateway, &tenant, &run).await;

    let folder = gateway.server.folder();
    let machine = Machine::new(folder.context(), None);
    let swept = Sweeper::new(machine, Arc::new(folder.store.clone()))
        .sweep(&tenant.id, now().plus_ms(60_000))
        .await
        .unwrap();
    assert_eq!((swept.live, swept.archiving), (1, vec![task.id.clone()]));

    let report = gateway.operator().get("/reconcile").await.body;
    assert_eq!(
        report["findings"],
        json!([]),
        "the run has its task: {report}"
    );
    assert_eq!(report["totals"]["open"], json!(1), "{report}");

    let refused = gateway.operator().delete("/tenants/acme").await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (409, &json!("tenant_has_tasks"))
    );

    let archived = Signal::Archived {
        outputs: vec![output()],
    };
    let change = transition(&task, archived, now()).unwrap();
    folder.store.apply(&change).await.unwrap();
    let today = Day::of(now());
    let usage = tenant
        .get(&format!("/v1/usage?from={today}&to={today}"))
        .await;
    assert_eq!(
        usage.body["total"]["completed"],
        json!(1),
        "{:?}",
        usage.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_has_the_bounds_of_the_server_of_its_folder() {
    let gateway = patient_gateway().await;
    let tenant = gateway.tenant("acme", "0").await;
    long_living(&gateway, &tenant, "run-1").await;
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();

    let beside = data.clone();
    let refused = tokio::task::spawn_blocking(move || {
        process::run(&["tenants", "delete", "acme", "--data", &beside])
    })
    .await
    .unwrap();
    gateway.server.stop().await;
    let after = process::run(&["tenants", "delete", "acme", "--data", &data]);

    for refused in [refused, after] {
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(
            told.contains("tasks of tenant 'acme' are still running"),
            "{told}"
        );
    }
}
