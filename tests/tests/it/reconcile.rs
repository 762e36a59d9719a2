//! Our captures against the provider's bills.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_core::money::{EntryKind, MicroUsd};
use fluxgate_core::port::AccountStore as _;
use fluxgate_emulator::{Emulator, EmulatorConfig, Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{emulator_config, quick};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, Stack, TestTenant, eventually, process};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const MARKUP: &str = r#"{"models":{},"unlisted":{"price":{"markup":{"basis_points":12500}}}}"#;

/// Runs this many edits to their ends.
async fn burst(tenant: &TestTenant, runs: usize) {
    let inputs = tenant.inputs().await;
    let mut submits = JoinSet::new();
    for _ in 0..runs {
        let (tenant, inputs) = (tenant.clone(), inputs.clone());
        submits.spawn(async move {
            let task = tenant.submit(&inputs).await;
            tenant.ended(&task).await;
        });
    }
    submits.join_all().await;
}

async fn captured(gateway: &Gateway, tenants: &[&TestTenant]) -> i64 {
    let mut sum = 0;
    for tenant in tenants {
        let ledger = gateway
            .server
            .folder()
            .store
            .ledger(&tenant.id)
            .await
            .unwrap();
        sum += ledger
            .iter()
            .filter(|entry| entry.kind == EntryKind::Capture)
            .map(|entry| entry.amount.0)
            .sum::<i64>();
    }
    sum
}

fn codes(report: &Value) -> Vec<String> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn after_a_burst_the_sums_are_the_ledger_s_and_the_provider_s() {
    let gateway = Gateway::start().await;
    let (acme, other) = (
        gateway.tenant("acme", "10").await,
        gateway.tenant("other", "10").await,
    );
    let prices: Value = serde_json::from_str(MARKUP).unwrap();
    assert_eq!(
        gateway
            .operator()
            .put("/tenants/acme/prices", &prices)
            .await
            .status,
        200
    );
    burst(&acme, 12).await;
    burst(&other, 5).await;

    let answer = gateway.operator().get("/reconcile").await;

    let report = &answer.body;
    assert_eq!(
        (answer.status.as_u16(), codes(report)),
        (200, vec![]),
        "{report}"
    );
    let totals = &report["totals"];
    let cost = MicroUsd::parse_usd("0.08").unwrap().0;
    assert_eq!(
        (&totals["bills"], &totals["tasks"], &totals["open"]),
        (&json!(17), &json!(17), &json!(0))
    );
    assert_eq!(totals["billed_micro_usd"], json!(17 * cost));
    assert_eq!(
        totals["charged_micro_usd"],
        json!(captured(&gateway, &[&acme, &other]).await)
    );
    let margins: Vec<(&Value, &Value)> = report["margins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|margin| (&margin["tenant"], &margin["margin_micro_usd"]))
        .collect();
    assert_eq!(
        margins,
        [
            (&json!("acme"), &json!(12 * cost / 4)),
            (&json!("other"), &json!(0))
        ]
    );
}

#[tokio::test]
async fn runs_that_nobody_owns_and_runs_that_nobody_paid_are_found() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    burst(&tenant, 1).await;
    gateway.emulator.set_faults(Faults {
        fail_task: Fault::Times(1),
        failure_charged: Fault::Always,
        ..Faults::default()
    });
    let failed = tenant.submit(&inputs).await;
    tenant.ended(&failed).await;
    let url = format!("{}/api/v3/{MODEL}", gateway.emulator.base_url());
    let stranger = gateway
        .http()
        .post(url)
        .bearer_auth(gateway.emulator.api_key())
        .json(&inputs)
        .send()
        .await
        .unwrap();
    assert_eq!(stranger.status(), 200);

    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let (provider, key) = (
        gateway.emulator.base_url(),
        gateway.emulator.api_key().to_owned(),
    );
    let run = move |args: &'static [&'static str]| {
        let args = [args, &["--data", &data]].concat();
        process::run_with(
            &args,
            &[
                ("FLUXGATE_PROVIDER", &provider),
                ("WAVESPEED_API_KEY", &key),
            ],
        )
    };
    let (report, told) =
        tokio::task::spawn_blocking(move || (run(&["reconcile", "--json"]), run(&["reconcile"])))
            .await
            .unwrap();

    assert_eq!(
        report.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&report.stderr)
    );
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(codes(&report), ["orphan", "not_charged"], "{report}");
    assert_eq!(report["findings"][1]["task"], json!(failed));
    assert_eq!(report["totals"]["orphaned_micro_usd"], json!(80_000));
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.contains("acme") && told.contains("no task owns this run"),
        "{told}"
    );
}

#[tokio::test]
async fn a_run_that_shows_itself_after_its_task_was_given_up_is_an_orphan_of_that_task() {
    let bounds = BoundsSettings {
        unknown_max_ms: Some(300),
        ..fluxgate_tests::gateway::quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    // A picture that was replaced on its way cannot be matched with the provider's list.
    let picture = STANDARD.encode(fluxgate_emulator::DEMO_PHOTO);
    let inputs =
        json!({ "prompt": "a sketch", "image": format!("data:image/jpeg;base64,{picture}") });
    let faults = Faults {
        hang_up_after_accept: Fault::Times(1),
        webhook_late_ms: 4_000,
        ..Faults::default()
    };
    gateway.emulator.set_faults(faults);
    let task = tenant.submit(&inputs).await;
    assert_eq!(tenant.ended(&task).await["reason"], "submit_unresolved");
    eventually("the late webhook", || async {
        tenant
            .steps(&task)
            .await
            .contains(&"orphaned".to_owned())
            .then_some(())
    })
    .await;

    let report = gateway.operator().get("/reconcile").await.body;

    assert_eq!(codes(&report), ["orphan"], "{report}");
    assert_eq!(
        (
            &report["findings"][0]["task"],
            &report["findings"][0]["tenant"]
        ),
        (&json!(task), &json!("acme"))
    );
    assert_eq!(report["findings"][0]["billed_micro_usd"], json!(80_000));
    assert_eq!(tenant.balance_usd().await, 1.0);
}

/// At the same address, with the same key, and without its runs.
async fn restart_emulator(gateway: &mut Gateway) {
    let (listen, api_key) = (
        gateway.emulator.addr(),
        gateway.emulator.api_key().to_owned(),
    );
    let elsewhere = Emulator::start(emulator_config()).await.unwrap();
    std::mem::replace(&mut gateway.emulator, elsewhere)
        .stop()
        .await;
    gateway.emulator = Emulator::start(EmulatorConfig {
        listen,
        api_key,
        ..emulator_config()
    })
    .await
    .unwrap();
}

async fn reconciled_by_command(gateway: &Gateway) -> String {
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let (provider, key) = (
        gateway.emulator.base_url(),
        gateway.emulator.api_key().to_owned(),
    );
    let told = tokio::task::spawn_blocking(move || {
        let env = [
            ("FLUXGATE_PROVIDER", provider.as_str()),
            ("WAVESPEED_API_KEY", &key),
        ];
        process::run_with(&["reconcile", "--data", &data], &env)
    });
    String::from_utf8(told.await.unwrap().stdout).unwrap()
}

/// As after a restart of the emulator: no bill, no list, and captures that stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_forgot_its_runs_is_said_and_nothing_is_called_a_margin() {
    let bounds = BoundsSettings {
        unknown_max_ms: Some(600_000),
        denials_span_ms: Some(600_000),
        ..quick()
    };
    let mut gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    burst(&tenant, 2).await;
    gateway.emulator.set_faults(Faults {
        error_500_before_accept: Fault::Times(1),
        ..Faults::default()
    });
    tenant.submit(&inputs).await;
    restart_emulator(&mut gateway).await;

    let report = gateway.operator().get("/reconcile").await.body;
    let told = reconciled_by_command(&gateway).await;

    assert_eq!(codes(&report), ["not_billed", "not_billed"], "{report}");
    assert!(
        report["findings"][0]["text"]
            .as_str()
            .unwrap()
            .contains("has forgotten the run"),
        "{report}"
    );
    let total = |name: &str| report["totals"][name].as_i64().unwrap();
    assert_eq!(
        (total("charged_micro_usd"), total("unbilled_micro_usd")),
        (160_000, 160_000)
    );
    assert_eq!(
        (
            total("margin_micro_usd"),
            report["margins"].as_array().unwrap().len()
        ),
        (0, 0)
    );
    assert_eq!(
        (total("open"), total("in_doubt"), total("forgotten")),
        (1, 1, 2)
    );
    for part in [
        "2 tasks, 2 of them charged $0.16 in all, $0.16 of it without a bill and $0.00 refunded; margin $0.00; 1 still open, 1 of them in doubt",
        "does not know 2 of the",
        "no bill for the run and does not list it",
        "from 20",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn days_that_cannot_be_are_refused_and_a_deleted_tenant_s_runs_are_no_orphans() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    burst(&tenant, 2).await;
    let operator = gateway.operator();
    assert_eq!(
        operator
            .delete("/tenants/acme?forget_balance=true")
            .await
            .status,
        204
    );

    let report = operator.get("/reconcile").await.body;
    let bad = operator.get("/reconcile?from=yesterday").await;
    let backwards = operator
        .get("/reconcile?from=2026-02-02&to=2026-02-01")
        .await;

    assert_eq!(
        (codes(&report), &report["totals"]["tasks"]),
        (vec![], &json!(2))
    );
    assert_eq!(
        (bad.status.as_u16(), bad.text("/code"), bad.text("/field")),
        (400, "invalid_day".into(), "from".into())
    );
    assert_eq!(
        (backwards.status.as_u16(), backwards.text("/code")),
        (400, "invalid_window".to_owned())
    );
}

#[tokio::test]
async fn the_admin_function_reads_the_provider_s_books() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    burst(&tenant, 2).await;

    let (status, report) = stack
        .admin_call(Method::GET, "/admin/v1/reconcile", &Value::Null)
        .await;

    assert_eq!((status, codes(&report)), (200, vec![]), "{report}");
    assert_eq!(report["totals"]["billed_micro_usd"], json!(160_000));
    assert_eq!(report["totals"]["charged_micro_usd"], json!(160_000));
    let cheap = json!({ "models": { MODEL: { "fixed": { "micro_usd": 1 } } } });
    let under_cost = stack
        .admin_call(Method::PUT, "/admin/v1/tenants/acme/prices", &cheap)
        .await;
    assert_eq!(
        (under_cost.0, &under_cost.1["code"]),
        (400, &json!("under_cost")),
        "the function knows what models cost"
    );
}
