//! The operator's commands of tasks and dead letters, beside the server of their data folder.

use fluxgate_emulator::Faults;
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::patient;
use fluxgate_tests::{Gateway, GatewayOptions, eventually, process};
use serde_json::{Value, json};

use super::dead_letters::{bury, job};
use super::{FOREVER, gateway};

/// What a command prints, which must succeed.
fn said(gateway: &Gateway, args: &[&str]) -> String {
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let args = [args, &["--data", &data]].concat();
    let key = gateway.emulator.api_key();
    let output = process::run_with(&args, &[("WAVESPEED_API_KEY", key)]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(gateway: &Gateway, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    serde_json::from_str(&said(gateway, &args)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_all_tenants_are_listed_and_one_is_failed_by_commands() {
    let gateway = gateway(FOREVER, Some(1)).await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let (task, waiting) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);

    let listed = json_of(&gateway, &["tasks", "--state", "submitted,admitted"]);
    let lines = said(&gateway, &["tasks"]);
    let old = said(&gateway, &["tasks", "--age", "1h"]);
    let queue = said(&gateway, &["fair-queue"]);
    let cancelled = said(&gateway, &["tasks", "cancel", "acme", &waiting]);
    let fail = ["tasks", "fail", "acme", &task, "--reason", "it is stuck"];
    let failed = said(&gateway, &fail);
    let shown = json_of(&gateway, &["tasks", "show", "acme", &task]);
    let told = said(&gateway, &["tasks", "show", "acme", &task]);
    let steps = said(&gateway, &["tasks", "timeline", "acme", &task]);
    let audit = said(&gateway, &["audit", "--limit", "1"]);

    assert_eq!(listed[0]["id"], json!(task), "{listed}");
    assert!(
        lines.contains("flux-kontext-max") && lines.contains("acme"),
        "{lines}"
    );
    assert_eq!(old, "");
    assert!(
        queue.contains("1 of 1 slots are taken") && queue.contains(&waiting),
        "{queue}"
    );
    assert!(cancelled.contains("is cancelled"), "{cancelled}");
    assert!(failed.contains("is failed"), "{failed}");
    assert_eq!(shown["error"]["code"], "failed_by_operator");
    for line in [
        format!("task        {task}"),
        "state       failed".to_owned(),
        "error       failed_by_operator: the operator ended this task: it is stuck".to_owned(),
        "money       $0.08 price, $0.00 held, $0.00 charged".to_owned(),
    ] {
        assert!(
            told.lines().any(|told| told.starts_with(&line)),
            "{line}: {told}"
        );
    }
    assert!(steps.contains("failed_by_operator"), "{steps}");
    assert!(
        audit.contains(r#"state: "submitted" -> "failed""#),
        "{audit}"
    );
    assert_eq!(said(&gateway, &["tasks"]), "");
    assert_eq!(tenant.balance_usd().await, 1.0);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filled_though_what_matches_is_behind_more_tasks_than_a_page_looks_at() {
    let bounds = BoundsSettings {
        page_tasks_max: Some(2),
        ..patient()
    };
    let gateway = Gateway::with(GatewayOptions {
        run_time: FOREVER,
        concurrency: Some(1),
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let (acme, bolt) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("bolt", "1").await,
    );
    let inputs = bolt.inputs().await;
    let sent = bolt.submit(&inputs).await;
    for _ in 0..3 {
        acme.submit(&inputs).await;
    }

    let waiting = said(&gateway, &["tasks", "--state", "admitted", "--quiet"]);
    let listed = said(&gateway, &["tasks", "--state", "submitted", "--quiet"]);

    assert_eq!(waiting.lines().count(), 3, "{waiting}");
    assert_eq!(listed.trim_end(), sent);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_redriven_by_a_command_and_the_server_works_on_them() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    bury(&gateway, &[job(&task), "{}".to_owned()]);

    let listed = said(&gateway, &["dead-letters", "list"]);
    let redriven = said(&gateway, &["dead-letters", "redrive", "archive"]);
    let left = json_of(&gateway, &["dead-letters", "list", "archive"]);
    let id = left[0]["id"].as_str().unwrap();
    said(&gateway, &["dead-letters", "delete", "archive", id]);

    assert!(listed.contains("the bucket is gone"), "{listed}");
    assert!(redriven.contains("1 job sent again"), "{redriven}");
    assert!(left[0].get("job").is_none(), "{left}");
    assert_eq!(said(&gateway, &["dead-letters", "list"]), "");
    eventually("the redriven job to be done", || async {
        let database = gateway.server.folder().path.join("fluxgate.db");
        let database = rusqlite::Connection::open(database).unwrap();
        let sql = "SELECT count(*) FROM jobs WHERE key LIKE 'archive/%'";
        let jobs: u32 = database.query_row(sql, [], |row| row.get(0)).unwrap();
        (jobs == 0).then_some(())
    })
    .await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_s_account_is_told_in_words_and_by_the_exit_code() {
    let gateway = gateway(FOREVER, Some(3)).await;

    let told = said(&gateway, &["provider"]);
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let args = ["provider", "--data", &data];
    let keyless = process::run(&args);
    gateway.emulator.set_faults(Faults {
        account_status: 401,
        ..Faults::default()
    });
    let refused = process::run(&args);

    assert!(told.contains("accepts the key"), "{told}");
    assert!(keyless.status.success(), "the server has it: {keyless:?}");
    assert_eq!(refused.status.code(), Some(1));
    gateway.stop().await;
}
