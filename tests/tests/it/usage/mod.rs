//! What a tenant used: exact sums, whole windows, and the same from every side.

mod statements;
mod windows;

use std::collections::BTreeMap;

use fluxgate_core::app::{PricesChange, PricesEdit};
use fluxgate_core::day::Day;
use fluxgate_core::money::{EntryKind, Price, Unlisted};
use fluxgate_core::port::AccountStore as _;
use fluxgate_core::tenant::Actor;
use fluxgate_core::time::Timestamp;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, TestTenant, process};
use serde_json::{Value, json};

const FLUX_DEV: &str = "wavespeed-ai/flux-dev";

/// Thirty tasks of two models to their ends. Seven fail, and each of the others has one output,
/// however many were asked for.
pub(crate) async fn burst(gateway: &Gateway, tenant: &TestTenant) {
    let inputs = tenant.inputs().await;
    let faults = Faults {
        fail_task: Fault::Times(7),
        tiny_output: Fault::Always,
        ..Faults::default()
    };
    gateway.emulator.set_faults(faults);
    let submits = (0..30_i64).map(|n| {
        let (tenant, inputs) = (tenant.clone(), inputs.clone());
        tokio::spawn(async move {
            if n % 3 == 0 {
                return tenant.submit(&inputs).await;
            }
            let body = json!({ "prompt": "dunes", "num_images": 1 + n % 4 });
            tenant
                .post(&format!("/api/v3/{FLUX_DEV}"), &body)
                .await
                .text("/data/id")
        })
    });
    for submit in submits.collect::<Vec<_>>() {
        tenant.ended(&submit.await.unwrap()).await;
    }
}

/// A markup that makes odd amounts.
pub(crate) async fn set_odd_prices(gateway: &Gateway, tenant: &TestTenant) {
    let markup = Price::Markup {
        basis_points: 11_111,
        floor_micro_usd: None,
        cap_micro_usd: None,
    };
    let edit = PricesEdit::Set {
        models: BTreeMap::new(),
        unlisted: Some(Unlisted::Price(markup)),
    };
    let change = PricesChange {
        edit,
        allow_under_cost: false,
        allow_unknown_models: false,
    };
    gateway
        .server
        .folder()
        .operator(None)
        .set_prices(&tenant.id, &change, &Actor::cli())
        .await
        .unwrap();
}

async fn usage(tenant: &TestTenant, query: &str) -> Value {
    let answer = tenant.get(&format!("/v1/usage{query}")).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body
}

/// What the ledger has captured of the tenant, by day.
async fn captured_by_day(gateway: &Gateway, tenant: &TestTenant) -> BTreeMap<String, i64> {
    let mut days = BTreeMap::new();
    for entry in gateway
        .server
        .folder()
        .store
        .ledger(&tenant.id)
        .await
        .unwrap()
    {
        if entry.kind == EntryKind::Capture {
            *days.entry(Day::of(entry.at).to_string()).or_default() += entry.amount.0;
        }
    }
    days
}

async fn stats(tenant: &TestTenant, from: Timestamp, until: Timestamp) -> Value {
    let window = json!({ "start_time": from.rfc3339(), "end_time": until.rfc3339() });
    tenant.post("/api/v3/user/usage_stats", &window).await.body["data"].clone()
}

#[tokio::test]
async fn the_form_of_usage_is_the_one_that_the_request_would_rather_have() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (accept, wanted) in [
        ("text/csv;q=0.1, application/json", "application/json"),
        (
            "application/json;q=0.1, */*",
            "text/csv; charset=utf-8; header=present",
        ),
        ("text/csv;q=0, */*", "application/json"),
        // Neither is accepted, and JSON is better than nothing.
        ("text/html", "application/json"),
    ] {
        let request = tenant
            .http()
            .get(tenant.url("/v1/usage"))
            .header("accept", accept);
        let answer = tenant.send(request).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.headers["content-type"].to_str().unwrap()
            ),
            (200, wanted),
            "{accept}"
        );
        let vary: Vec<&str> = answer
            .headers
            .get_all("vary")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert!(
            vary.join(",")
                .to_lowercase()
                .split(',')
                .any(|name| name.trim() == "accept"),
            "{vary:?}"
        );
    }
}

#[tokio::test]
async fn after_a_burst_with_failures_every_sum_is_the_ledger_s_to_the_micro_dollar() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "10").await;
    set_odd_prices(&gateway, &tenant).await;
    burst(&gateway, &tenant).await;

    let now = fluxgate_tests::contract::now();
    let captured = captured_by_day(&gateway, &tenant).await;
    let sum: i64 = captured.values().sum();
    let by_day = usage(&tenant, "?group_by=day").await;
    let stats = stats(&tenant, Timestamp(now.0 - 86_400_000), now).await;
    let bill = billed(&tenant).await;

    assert!(sum > 0);
    let charged: BTreeMap<String, i64> = by_day["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(day_and_charge)
        .collect();
    assert_eq!(charged, captured);
    let total = &by_day["total"];
    assert_eq!(
        (&total["requests"], &total["completed"], &total["failed"]),
        (&json!(30), &json!(23), &json!(7))
    );
    assert_eq!(total["charged_micro_usd"], sum);
    assert_eq!(
        stats["summary"],
        json!({ "total_cost": sum as f64 / 1e6, "total_requests": 30, "success_requests": 23 })
    );
    assert_eq!(bill, (23, sum), "what failed is not on the bill");
    let account = gateway
        .server
        .folder()
        .store
        .account(&tenant.id)
        .await
        .unwrap();
    assert_eq!((account.captured.0, account.held.0), (sum, 0));
}

fn day_and_charge(group: &Value) -> (String, i64) {
    (
        group["day"].as_str().unwrap().to_owned(),
        group["charged_micro_usd"].as_i64().unwrap(),
    )
}

/// The items on all pages of the bill, and what they come to in micro-USD.
async fn billed(tenant: &TestTenant) -> (usize, i64) {
    let mut prices = Vec::new();
    for page in 1.. {
        let query = json!({ "page": page, "page_size": 7 });
        let data = tenant.post("/api/v3/billings/search", &query).await.body["data"].take();
        prices.extend(
            data["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["price"].as_f64().unwrap()),
        );
        if data["has_more"] == false {
            break;
        }
    }
    (
        prices.len(),
        prices.iter().map(|usd| (usd * 1e6).round() as i64).sum(),
    )
}

#[tokio::test]
async fn usage_is_grouped_by_day_and_model_as_json_and_as_csv() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let day = tenant.result(&task).await["created_at"].as_str().unwrap()[..10].to_owned();
    let window = format!("?from={day}&to={day}");

    let both = usage(&tenant, &format!("{window}&group_by=day,model")).await;
    let by_model = usage(&tenant, &format!("{window}&group_by=model")).await;
    let csv = tenant.get(&format!("/v1/usage{window}&format=csv")).await;
    let accepted = tenant
        .send(
            tenant
                .http()
                .get(tenant.url("/v1/usage"))
                .header("accept", "text/csv"),
        )
        .await;

    let sums = json!({
        "requests": 1, "completed": 1, "failed": 0, "charged_micro_usd": 80_000, "charged_usd": "0.08", "unarchived": 0,
        "refunded_micro_usd": 0, "refunded_usd": "0.00",
    });
    assert_eq!(
        (&both["from"], &both["to"], &both["total"]),
        (&json!(day), &json!(day), &sums)
    );
    let group = &both["groups"][0];
    assert_eq!(
        (&group["day"], &group["model"], &group["charged_usd"]),
        (&json!(day), &json!(MODEL), &json!("0.08"))
    );
    assert_eq!(
        (
            &by_model["groups"][0]["day"],
            &by_model["groups"][0]["model"]
        ),
        (&Value::Null, &json!(MODEL))
    );
    let lines = format!(
        "day,model,requests,completed,failed,charged_micro_usd,charged_usd,unarchived,refunded_micro_usd,refunded_usd\r\n{day},{MODEL},1,1,0,80000,0.08,0,0,0.00\r\n"
    );
    assert_eq!(
        (csv.body.as_str(), accepted.body.as_str()),
        (Some(lines.as_str()), Some(lines.as_str()))
    );
    assert_eq!(
        csv.headers["content-type"],
        "text/csv; charset=utf-8; header=present"
    );
}

#[tokio::test]
async fn tenants_do_not_see_each_other_s_usage() {
    let gateway = Gateway::start().await;
    let (one, other) = (
        gateway.tenant("one", "1").await,
        gateway.tenant("other", "1").await,
    );
    let task = one.submit(&one.inputs().await).await;
    one.ended(&task).await;
    let now = fluxgate_tests::contract::now();

    assert_eq!(usage(&one, "").await["total"]["requests"], 1);
    assert_eq!(usage(&other, "").await["groups"], json!([]));
    let stats = stats(&other, Timestamp(now.0 - 60_000), now).await;
    assert_eq!(
        (
            &stats["per_model_usage"],
            &stats["summary"]["total_requests"]
        ),
        (&json!([]), &json!(0))
    );
    let bill = other
        .post(
            "/api/v3/billings/search",
            &json!({ "prediction_uuids": [task] }),
        )
        .await;
    assert_eq!(
        (&bill.body["data"]["items"], &bill.body["data"]["total"]),
        (&json!([]), &json!(0))
    );
}

#[tokio::test]
async fn the_command_line_tells_the_same_sums() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let run = |args: &[&str]| {
        let output = process::run(&[&["usage", "acme", "--data", &data], args].concat());
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };

    let (table, csv) = (run(&["--group-by", "model"]), run(&["--csv"]));
    let (backwards, no_day) = (
        run(&["--from", "2026-01-02", "--to", "2026-01-01"]),
        run(&["--from", "x"]),
    );

    assert!(table.0 && csv.0, "{table:?} {csv:?}");
    let lines: Vec<&str> = table.1.lines().collect();
    assert!(
        lines[0].starts_with(MODEL) && lines[1].starts_with("total"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("requests      1") && lines[1].ends_with("$0.08"),
        "{lines:?}"
    );
    assert_eq!(
        csv.1,
        tenant
            .get("/v1/usage?format=csv")
            .await
            .body
            .as_str()
            .unwrap()
    );
    assert!(
        !backwards.0 && backwards.2.contains("ends before it starts"),
        "{backwards:?}"
    );
    assert!(!no_day.0 && no_day.2.contains("2026-11-01"), "{no_day:?}");
}
