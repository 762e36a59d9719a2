//! Inputs and callback URLs are sealed with keys that no backup has: what is erased is erased in
//! backups, too.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fluxgate_core::port::InputKeyStore as _;
use fluxgate_core::seal::{DataKeys, StoredText};
use fluxgate_core::time::Timestamp;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, process};
use rusqlite::Connection;
use serde_json::{Value, json};

const PROMPT: &str = "a portrait of Jane Roe";
const PATH: &str = "callback-of-jane";

/// A completed task with that prompt and that callback, which was told.
async fn told_task(tenant: &TestTenant) -> String {
    let callback = LiveReceiver::start().await;
    let mut body = json!({ "model": MODEL, "input": tenant.inputs().await });
    body["input"]["prompt"] = PROMPT.into();
    body["callback_url"] = callback.url(PATH).into();
    let task = tenant.post("/v1/tasks", &body).await.text("/id");
    tenant.ended(&task).await;
    callback.about(&task, 1).await;
    task
}

async fn run(args: &[&str]) -> (bool, String) {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let running = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        process::run(&args)
    });
    let output = running.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

/// Whether a database in this folder, its log or the keys beside it hold the text.
fn holds(folder: &Path, text: &str) -> bool {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let mut files = files.filter(|file| {
        let name = file.file_name();
        name.to_string_lossy().contains(".db")
    });
    files.any(|file| {
        let bytes = fs::read(file.path()).unwrap();
        let mut parts = bytes.windows(text.len());
        parts.any(|part| part == text.as_bytes())
    })
}

/// Whether the keys in one folder open the inputs in the database of another.
fn opens(keys: &Path, database: &Path) -> bool {
    let database = Connection::open(database.join("fluxgate.db")).unwrap();
    let sql = "SELECT body FROM inputs WHERE typeof(body) = 'blob'";
    let sealed: Vec<u8> = database.query_row(sql, [], |row| row.get(0)).unwrap();
    let keys = Connection::open(keys.join("input-keys.db")).unwrap();
    let mut rows = keys.prepare("SELECT keys FROM input_keys").unwrap();
    let rows = rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let sealed = StoredText::Sealed(sealed);
    rows.map(|bytes| DataKeys::from_bytes(&bytes.unwrap()).unwrap())
        .any(|keys| keys.knows(&sealed))
}

fn inputs_of(answer: &Value, task: &str) -> Value {
    let items = answer["data"]["items"].as_array().unwrap();
    let found = items.iter().find(|item| item["id"] == task).unwrap();
    found["input"]["prompt"].clone()
}

#[tokio::test]
async fn after_an_erasure_neither_the_folder_nor_a_backup_tells_a_prompt_or_a_callback() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    told_task(&tenant).await;
    let data = gateway.folder.path().join("data");
    let [backup, keys, later] =
        ["backup", "keys", "later"].map(|it| gateway.folder.path().join(it));
    let back_up = async |to: &Path, keys: &Path| {
        let to_keys = ["--input-keys", keys.to_str().unwrap()];
        let of_data = ["--data", data.to_str().unwrap()];
        run(&[&["backup", to.to_str().unwrap()], &to_keys[..], &of_data].concat()).await
    };
    let made = back_up(&backup, &keys).await;
    assert!(made.0, "{}", made.1);
    assert!(opens(&keys, &backup) && opens(&data, &backup));

    let path = "/tenants/acme/personal-data";
    let done = gateway.operator().delete(path).await.body;
    let made = back_up(&later, &keys).await;

    assert_eq!(done["state"], "done", "{done}");
    assert!(made.0, "{}", made.1);
    for folder in [&data, &backup, &later] {
        for text in [PROMPT, PATH] {
            assert!(!holds(folder, text), "{text} in {}", folder.display());
        }
    }
    assert!(!opens(&keys, &backup) && !opens(&data, &backup));
    gateway.stop().await;
}

#[tokio::test]
async fn what_is_made_after_an_erasure_is_read_as_before_and_so_is_another_tenant_s() {
    let gateway = Gateway::start().await;
    let (acme, bolt) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("bolt", "1").await,
    );
    told_task(&acme).await;
    let theirs = told_task(&bolt).await;
    let operator = gateway.operator();

    operator.delete("/tenants/acme/personal-data").await;
    let task = told_task(&acme).await;

    let list = json!({ "include_inputs": true });
    for (tenant, task) in [(&acme, &task), (&bolt, &theirs)] {
        let listed = tenant.post("/api/v3/predictions", &list).await;
        assert_eq!(inputs_of(&listed.body, task), PROMPT);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn doctor_misses_the_keys_of_inputs_that_are_there() {
    let gateway = Gateway::start().await;
    let data = gateway.folder.path().join("data");
    let told = async || {
        let data = data.to_str().unwrap().to_owned();
        let asking = move || process::run(&["doctor", "--data", &data]).stdout;
        let told = tokio::task::spawn_blocking(asking).await.unwrap();
        String::from_utf8(told).unwrap()
    };
    let tenant = gateway.tenant("acme", "1").await;
    let fresh = told().await;
    told_task(&tenant).await;
    let sound = told().await;

    fs::rename(data.join("input-keys.db"), data.join("elsewhere")).unwrap();

    let told = told().await;
    assert!(!fresh.contains("BAD") && !sound.contains("BAD"), "{sound}");
    let missing = "input-keys.db is missing, and the database has inputs that its keys opened";
    assert!(told.contains(missing), "{told}");
    gateway.stop().await;
}

/// The next submit makes another file, and all seemed well.
#[tokio::test]
async fn doctor_misses_keys_of_before_where_there_are_newer_ones() {
    let gateway = Gateway::start().await;
    let data = gateway.folder.path().join("data");
    let data = data.to_str().unwrap().to_owned();
    let tenant = gateway.tenant("acme", "1").await;
    let other = gateway.tenant("bolt", "1").await;
    told_task(&tenant).await;
    told_task(&other).await;

    lose_keys(&gateway, &other).await;
    told_task(&other).await;

    let asking = move || process::run(&["doctor", "--data", &data]).stdout;
    let told = tokio::task::spawn_blocking(asking).await.unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(
        told.contains("BAD") && told.contains("input-keys.db lacks a key of"),
        "{told}"
    );
    assert!(told.contains("of tenant 'bolt'"), "{told}");
    gateway.stop().await;
}

/// As after a restoration without its keys.
async fn lose_keys(gateway: &Gateway, tenant: &TestTenant) {
    let store = &gateway.server.folder().store;
    for month in store.input_key_months(&tenant.id).await.unwrap() {
        let removing = store.remove_input_keys(&tenant.id, month, Timestamp(i64::MAX));
        removing.await.unwrap();
    }
}

#[tokio::test]
async fn a_task_that_waits_ends_uncharged_when_the_key_of_its_inputs_is_lost() {
    let gateway = Gateway::with(GatewayOptions {
        concurrency: Some(1),
        run_time: Duration::from_secs(1),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let (first, second) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);

    lose_keys(&gateway, &tenant).await;

    assert_eq!(tenant.ended(&first).await["status"], "completed");
    let waiting = tenant.ended(&second).await;
    let told = (&waiting["status"], &waiting["reason"]);
    assert_eq!(told, (&json!("timeout"), &json!("inputs_lost")));
    assert_eq!(gateway.emulator.runs().len(), 1);
    assert!((tenant.balance_usd().await - 0.92).abs() < 1e-9);
    gateway.stop().await;
}

/// Any run looks like one whose inputs nobody knows.
#[tokio::test]
async fn a_doubt_without_its_key_takes_nobody_else_s_run() {
    let gateway = Gateway::with(GatewayOptions {
        webhooks: false,
        faults: Faults {
            error_500_before_accept: Fault::Times(1),
            ..Faults::default()
        },
        bounds: BoundsSettings {
            unknown_max_ms: Some(2_500),
            ..quick()
        },
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;

    lose_keys(&gateway, &tenant).await;
    let url = format!("{}/api/v3/{MODEL}", gateway.emulator.base_url());
    let foreign = gateway.http().post(url).json(&inputs);
    let foreign = foreign.bearer_auth(gateway.emulator.api_key()).send().await;
    assert!(foreign.unwrap().status().is_success());

    let ended = tenant.ended(&task).await;
    let told = (&ended["status"], &ended["reason"]);
    assert_eq!(told, (&json!("failed"), &json!("submit_unresolved")));
    assert_eq!(tenant.balance_usd().await, 1.0);
    gateway.stop().await;
}

#[tokio::test]
async fn keys_that_would_lie_in_the_backup_or_in_the_data_folder_are_refused() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let data = gateway.folder.path().join("data");
    let backup = gateway.folder.path().join("backup");
    let (data, backup) = (data.to_str().unwrap(), backup.to_str().unwrap());

    for (keys, why) in [
        (format!("{backup}/keys"), "lies in the backup"),
        (data.to_owned(), "lies in the data folder"),
        (format!("{data}/keys"), "lies in the data folder"),
    ] {
        let flags = ["--input-keys", &keys, "--data", data];
        let (succeeded, said) = run(&[&["backup", backup][..], &flags].concat()).await;

        assert!(!succeeded && said.contains(why), "{keys}: {said}");
        assert!(!Path::new(backup).exists(), "{keys}");
    }
    let (made, said) = run(&["backup", backup, "--data", data]).await;
    assert!(made && said.contains("--input-keys"), "{said}");
    let restored = format!("{data}-restored");
    let flags = ["--input-keys", data, "--data", &restored];
    let (succeeded, said) = run(&[&["restore", backup][..], &flags].concat()).await;
    assert!(!succeeded && said.contains("input-keys.db"), "{said}");
    gateway.stop().await;
}
