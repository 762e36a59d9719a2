//! The operator erases what tasks were about: their books stay, and a kill in the middle loses
//! nothing.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fluxgate_core::app::check_books;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{Ids as _, SystemEntropy};
use fluxgate_core::time::Timestamp;
use fluxgate_tests::contract::{Stores, day_sums, now};
use fluxgate_tests::receiver::Reply;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually, process};
use futures::future::join_all;
use serde_json::{Value, json};

const PROMPT: &str = "a portrait of Jane Roe";

#[tokio::test]
async fn what_a_tenant_s_tasks_were_about_is_erased_and_the_books_stay() {
    let gateway = Gateway::start().await;
    let (tenant, callback) = (
        gateway.tenant("acme", "1").await,
        LiveReceiver::start().await,
    );
    let mut body = json!({ "model": MODEL, "input": tenant.inputs().await });
    body["input"]["prompt"] = PROMPT.into();
    body["metadata"] = json!({ "user": "jane" });
    body["callback_url"] = callback.url("jane").into();
    let task = tenant.post("/v1/tasks", &body).await.text("/id");
    let link = tenant.ended(&task).await["outputs"][0].clone();
    callback.about(&task, 1).await;
    let operator = gateway.operator();
    let ledger = operator.get("/tenants/acme/ledger").await.body;
    let path = "/tenants/acme/personal-data";

    let dry = operator.delete(&format!("{path}?dry_run=true")).await.body;
    let untouched = tenant.result(&task).await;
    let done = operator.delete(&format!("{path}?outputs=true")).await.body;
    let again = operator.delete(&format!("{path}?outputs=true")).await.body;

    let told = |body: &Value, erased: u32, before: u32| {
        assert_eq!(body["state"], "done", "{body}");
        assert_eq!(body["tasks_erased"], erased, "{body}");
        assert_eq!(body["tasks_erased_before"], before, "{body}");
    };
    told(&dry, 1, 0);
    assert_eq!(untouched["outputs"][0], link);
    told(&done, 1, 0);
    assert_eq!(done["outputs_removed"], 1);
    told(&again, 0, 1);
    let gone = tenant.get(&format!("/v1/tasks/{task}")).await;
    assert_eq!(gone.status, 404);
    let picture = gateway.http().get(link.as_str().unwrap()).send().await;
    assert_eq!(picture.unwrap().status(), 404);
    assert_eq!(operator.get("/tenants/acme/ledger").await.body, ledger);
    assert!((tenant.balance_usd().await - 0.92).abs() < 1e-9);
    let (action, _) = operator.audit().await.remove(0);
    assert_eq!(action, "personal_data.erased");
    for text in ["Jane", "jane"] {
        assert_eq!(rows_with(&gateway.folder.path().join("data"), text), 0);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_task_at_the_provider_is_erased_when_it_has_ended() {
    let gateway = Gateway::with(GatewayOptions {
        run_time: Duration::from_secs(2),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let operator = gateway.operator();
    let of_task = format!("/tenants/acme/tasks/{task}/personal-data");

    let refused = operator.delete(&of_task).await;
    let odd = operator.delete(&format!("{of_task}?cursor=odd")).await;
    let blocked = operator.delete("/tenants/acme/personal-data").await.body;
    tenant.ended(&task).await;
    let done = operator.delete(&of_task).await.body;

    let told = (refused.status.as_u16(), refused.text("/code"));
    assert_eq!(told, (409, "task_sent".to_owned()));
    let told = (odd.status.as_u16(), odd.text("/code"));
    assert_eq!(told, (400, "invalid_cursor".to_owned()));
    assert_eq!(blocked["state"], "blocked");
    assert_eq!(blocked["tasks_running"], 1);
    assert_eq!(
        (&done["state"], &done["tasks_erased"]),
        (&json!("done"), &json!(1))
    );
    gateway.stop().await;
}

/// A completed task whose receiver refused its callback in these words, until nobody tried it any
/// more.
async fn refused_callback(tenant: &TestTenant, callback: &LiveReceiver) -> String {
    let mut body = json!({ "model": MODEL, "input": tenant.inputs().await });
    body["callback_url"] = callback.url("done").into();
    let task = tenant.post("/v1/tasks", &body).await.text("/id");
    eventually("an exhausted delivery", || async {
        let delivery = tenant.get(&format!("/v1/deliveries?task={task}")).await;
        (delivery.body["deliveries"][0]["state"] == "exhausted").then_some(())
    })
    .await;
    task
}

/// An earlier release left these words with tasks that their tenants deleted.
fn say_again(data: &Path) {
    let database = rusqlite::Connection::open(data.join("fluxgate.db")).unwrap();
    let sql = "UPDATE deliveries SET body = json_set(body, '$.attempts[0].body', 'for Jane Roe')";
    assert!(database.execute(sql, []).unwrap() > 0);
}

#[tokio::test]
async fn what_receivers_answered_goes_with_a_deleted_task_and_what_was_left_with_an_erasure() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (callback, operator) = (LiveReceiver::start().await, gateway.operator());
    callback.answer_always(Reply {
        body: "no order for Jane Roe".to_owned(),
        ..Reply::of(400)
    });
    let task = refused_callback(&tenant, &callback).await;
    let data = gateway.folder.path().join("data");
    let of_task = format!("/tenants/acme/tasks/{task}/personal-data");
    let said = rows_with(&data, "Jane Roe");

    assert_eq!(
        tenant.delete(&format!("/v1/tasks/{task}")).await.status,
        204
    );
    let mut left = vec![rows_with(&data, "Jane Roe")];
    for path in [of_task.as_str(), "/tenants/acme/personal-data"] {
        say_again(&data);
        let dry = operator.delete(&format!("{path}?dry_run=true")).await;
        assert_eq!(rows_with(&data, "Jane Roe"), 1, "{:?}", dry.body);
        let done = operator.delete(path).await.body;
        assert_eq!(done["tasks_erased_before"], 1, "{done}");
        left.push(rows_with(&data, "Jane Roe"));
    }

    assert_eq!((said, left), (1, vec![0, 0, 0]));
    let told = tenant.get(&format!("/v1/deliveries?task={task}")).await;
    assert_eq!(told.body["deliveries"][0]["attempts"][0]["status"], 400);
    gateway.stop().await;
}

/// Rows of the tables of batches.
fn batches_with(data: &Path, text: &str) -> i64 {
    let database = rusqlite::Connection::open(data.join("fluxgate.db")).unwrap();
    let sql = "SELECT (SELECT count(*) FROM batch_chunks WHERE body LIKE ?1)
                    + (SELECT count(*) FROM batches WHERE body LIKE ?1 OR idempotency_key LIKE ?1)";
    let like = format!("%{text}%");
    database.query_row(sql, [like], |row| row.get(0)).unwrap()
}

async fn lines_of(tenant: &TestTenant, batch: &str) -> Vec<Value> {
    let answer = tenant.get(&format!("/v1/batches/{batch}/results")).await;
    let text = answer.body.as_str().expect("several lines").to_owned();
    let line = |line| serde_json::from_str(line).unwrap();
    text.lines().map(line).collect()
}

#[tokio::test]
async fn a_batch_loses_a_tenant_s_words_and_keeps_numbers_states_and_codes() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (input, operator) = (tenant.inputs().await, gateway.operator());
    let line = json!({ "model": MODEL, "input": input, "reference": "Jane Roe 1" });
    let odd = json!({ "model": MODEL, "input": input, "Jane Roe": 1, "reference": "Jane Roe 3" });
    let second = json!({ "model": MODEL, "input": input, "reference": "Jane Roe 2" });
    let request = tenant.http().post(tenant.url("/v1/batches"));
    let request = request.header("idempotency-key", "Jane Roe");
    let request = request.body(format!("{line}\n{second}\n{odd}"));
    let batch = tenant.send(request).await.text("/id");
    eventually("the batch's end", || async {
        let batch = tenant.get(&format!("/v1/batches/{batch}")).await.body;
        (batch["state"] == "completed").then_some(())
    })
    .await;
    let data = gateway.folder.path().join("data");
    let before = lines_of(&tenant, &batch).await;
    let task = before[0]["task"].as_str().unwrap();

    let of_task = format!("/tenants/acme/tasks/{task}/personal-data");
    let one = operator.delete(&of_task).await.body;
    let without_one = lines_of(&tenant, &batch).await;
    let said = batches_with(&data, "Jane");
    let dry = "/tenants/acme/personal-data?dry_run=true";
    assert_eq!(operator.delete(dry).await.body["state"], "done");
    assert_eq!(batches_with(&data, "Jane"), said);
    let all = operator.delete("/tenants/acme/personal-data").await.body;
    let after = lines_of(&tenant, &batch).await;

    assert_eq!(
        (&one["state"], &all["state"]),
        (&json!("done"), &json!("done"))
    );
    let references = |lines: &[Value]| -> Vec<Value> {
        lines.iter().map(|it| it["reference"].clone()).collect()
    };
    assert_eq!(
        references(&before),
        ["Jane Roe 1", "Jane Roe 2", "Jane Roe 3"]
    );
    let left = [Value::Null, json!("Jane Roe 2"), json!("Jane Roe 3")];
    assert_eq!(references(&without_one), left);
    assert_eq!(references(&after), [Value::Null, Value::Null, Value::Null]);
    assert_eq!((said, batches_with(&data, "Jane")), (2, 0));
    let told = |lines: &[Value], name: &str| -> Vec<Value> {
        lines.iter().map(|it| it[name].clone()).collect()
    };
    assert_eq!(told(&after, "line"), told(&before, "line"));
    assert_eq!(told(&after, "task"), told(&before, "task"));
    assert_eq!(told(&after, "state"), ["deleted", "deleted", "refused"]);
    assert_eq!(after[2]["error"]["code"], before[2]["error"]["code"]);
    gateway.stop().await;
}

/// Rows of the tables that tell of tasks.
fn rows_with(data: &Path, text: &str) -> i64 {
    let database = rusqlite::Connection::open(data.join("fluxgate.db")).unwrap();
    let count = |sql: &str| -> i64 {
        let like = format!("%{text}%");
        database.query_row(sql, [like], |row| row.get(0)).unwrap()
    };
    count("SELECT count(*) FROM tasks WHERE body LIKE ?1 OR steps LIKE ?1")
        + count("SELECT count(*) FROM inputs WHERE CAST(body AS TEXT) LIKE ?1")
        + count("SELECT count(*) FROM deliveries WHERE body LIKE ?1")
}

const TASKS: i64 = 300;
const KILLS: usize = 3;

fn erased(data: &Path) -> i64 {
    let database = rusqlite::Connection::open(data.join("fluxgate.db")).unwrap();
    let sql = "SELECT count(*) FROM tasks WHERE json_extract(body, '$.deleted') IS NOT NULL";
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_sigkills_cut_off_is_begun_again_and_the_books_stay_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = data.to_str().unwrap();
    let tenant: TenantId = "acme".parse().unwrap();
    let add = ["tenants", "add", "acme", "--balance", "100", "--data", text];
    assert!(process::run(&add).status.success());
    let stores = Stores::on_sqlite(&data);
    let made = |n: i64| {
        let (stores, tenant) = (&stores, &tenant);
        async move {
            let at = Timestamp(now().0 - 60_000 + n);
            let mut submit = day_sums::submit(tenant, at);
            submit.task.id = SystemEntropy.task_id(at);
            submit.inputs = json!({ "prompt": PROMPT }).to_string().into();
            let task = stores.admit(submit).await.unwrap();
            day_sums::completed(stores, &task, at).await;
        }
    };
    join_all((0..TASKS).map(made)).await;
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    let erase = ["erase", "acme", "--yes", "--json", "--data", text];

    for _ in 0..KILLS {
        let known = erased(&data);
        let mut running = process::command(&erase)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("some tasks to be erased", || async {
            let now = erased(&data);
            (now > known || now == TASKS).then_some(())
        })
        .await;
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let output = process::run(&erase);

    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all =
        report["tasks_erased"].as_i64().unwrap() + report["tasks_erased_before"].as_i64().unwrap();
    assert_eq!((all, report["tasks_running"].as_i64()), (TASKS, Some(0)));
    assert_eq!(rows_with(&data, "Jane Roe"), 0);
    assert_eq!(stores.accounts.ledger(&tenant).await.unwrap(), ledger);
    let findings = check_books(&*stores.accounts, &tenant).await;
    assert_eq!(findings.unwrap(), []);
}

/// Whoever erases without them first can still remove them.
#[tokio::test]
async fn outputs_that_an_erasure_left_are_counted_and_removed_by_a_later_one() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let data = gateway.folder.path().join("data");
    let erase = async |flags: &[&str]| {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let data = data.to_str().unwrap().to_owned();
        let running = tokio::task::spawn_blocking(move || {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let of_data = ["--json", "--data", &data];
            process::run(&[&["erase", "acme"][..], &flags, &of_data].concat())
        });
        let output = running.await.unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        let count = |name: &str| told[name].as_u64().unwrap();
        ["tasks_erased", "outputs_removed", "outputs_left"].map(count)
    };

    let counted = erase(&["--dry-run", "--outputs"]).await;
    let without = erase(&["--yes"]).await;
    let dry = erase(&["--dry-run", "--outputs"]).await;
    let with = erase(&["--yes", "--outputs"]).await;
    let again = erase(&["--yes", "--outputs"]).await;

    assert_eq!((counted, without), ([1, 1, 0], [1, 0, 1]));
    assert_eq!((dry, with, again), ([0, 1, 0], [0, 1, 0], [0, 0, 0]));
    gateway.stop().await;
}

#[tokio::test]
async fn nothing_is_erased_without_a_yes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = data.to_str().unwrap();
    let add = ["tenants", "add", "acme", "--balance", "1", "--data", text];
    assert!(process::run(&add).status.success());

    let refused = process::run(&["erase", "acme", "--data", text]);
    let counted = process::run(&["erase", "acme", "--dry-run", "--data", text]);
    let unknown = process::run(&["erase", "nobody", "--yes", "--data", text]);

    assert!(!refused.status.success() && !unknown.status.success());
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(why.contains("--dry-run") && why.contains("--yes"), "{why}");
    let told = String::from_utf8_lossy(&counted.stdout).into_owned();
    assert!(told.starts_with("0 tasks would be erased"), "{told}");
}
