//! Rotating the encryption keys: beside a server and without one, killed anywhere, under changes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use fluxgate_core::seal::Sealed;
use fluxgate_tests::{Gateway, LiveReceiver, TestTenant, process};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tempfile::TempDir;

const PLAIN: &str = "whsec_cGxhaW4gcGxhaW4gcGxhaW4gcGxhaW4gcGxhaW4gcGxhaW4=";

/// A folder of three tenants that nobody serves.
struct Folder(TempDir);

impl Folder {
    fn with_tenants() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for name in ["acme", "bolt", "cask"] {
            folder.run(&["tenants", "add", name]);
        }
        folder
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn run(&self, args: &[&str]) -> String {
        run(&self.data(), args)
    }

    fn keys(&self) -> Value {
        keys(&self.data())
    }
}

/// What a command that must succeed prints.
fn run(data: &Path, args: &[&str]) -> String {
    let done = process::run(&[args, &["--data", data.to_str().unwrap()]].concat());
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success(), "{args:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

fn keys(data: &Path) -> Value {
    let text = fs::read_to_string(data.join("encryption-keys.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn ids(keys: &Value) -> Vec<&str> {
    let names = keys.as_object().unwrap().keys().map(String::as_str);
    names.filter(|name| !name.starts_with("active")).collect()
}

/// How many secrets of tenants and endpoints each key has sealed.
fn sealed_by(data: &Path) -> Vec<String> {
    let connection = Connection::open(data.join("fluxgate.db")).unwrap();
    let mut sql = connection
        .prepare("SELECT body FROM tenants UNION ALL SELECT body FROM endpoints")
        .unwrap();
    let bodies: Vec<String> = sql
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut all = Vec::new();
    for body in &bodies {
        let parts = body
            .split('"')
            .filter(|part| part.starts_with(Sealed::MARK));
        all.extend(parts.map(|part| part.split('.').nth(1).unwrap().to_owned()));
    }
    all.sort();
    all
}

fn files_hold(data: &Path, text: &str) -> bool {
    let names = ["fluxgate.db", "fluxgate.db-wal"];
    names.iter().any(|name| {
        let bytes = fs::read(data.join(name)).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

#[test]
fn every_secret_is_sealed_with_the_new_key_and_the_old_one_is_dropped() {
    let folder = Folder::with_tenants();
    assert_eq!(ids(&folder.keys()), ["k1"]);

    let said = folder.run(&["encryption", "rotate"]);

    assert!(
        said.contains("3 secrets sealed with k2; k1 is dropped"),
        "{said}"
    );
    assert_eq!(ids(&folder.keys()), ["k2"]);
    assert_eq!(sealed_by(&folder.data()), ["k2"; 3]);
    let status = folder.run(&["encryption", "status"]);
    assert_eq!(status, "k2  active  3 secrets\n");
    let audit = Connection::open(folder.data().join("fluxgate.db")).unwrap();
    let count = |action: &str| -> i64 {
        let sql = "SELECT count(*) FROM audit_log WHERE body LIKE '%' || ?1 || '%'";
        audit.query_row(sql, [action], |row| row.get(0)).unwrap()
    };
    assert_eq!(
        (
            count("encryption.key_added"),
            count("encryption.keys_retired")
        ),
        (1, 1)
    );
}

#[test]
fn what_an_earlier_release_stored_in_plain_text_is_sealed_and_nothing_of_it_stays() {
    let folder = Folder::with_tenants();
    let database = Connection::open(folder.data().join("fluxgate.db")).unwrap();
    let plain =
        "UPDATE tenants SET body = json_set(body, '$.webhook_secret', ?1) WHERE id = 'bolt'";
    database.execute(plain, params![PLAIN]).unwrap();
    drop(database);
    assert!(files_hold(&folder.data(), PLAIN));
    let status = folder.run(&["encryption", "status"]);
    assert!(status.contains("1 stored in plain text"), "{status}");

    folder.run(&["encryption", "rotate"]);

    assert_eq!(sealed_by(&folder.data()), ["k2"; 3]);
    assert!(!files_hold(&folder.data(), PLAIN));
}

#[test]
fn a_rotation_that_is_killed_anywhere_loses_no_secret_and_the_next_one_ends() {
    let folder = Folder::with_tenants();
    let data = folder.data();
    let args = ["encryption", "rotate", "--data", data.to_str().unwrap()];

    // A little later each time.
    for delay_ms in (0u64..).step_by(7).take(40) {
        let mut child = process::command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay_ms));
        child.kill().unwrap();
        child.wait().unwrap();
        let known = folder.keys();
        assert!(ids(&known).len() <= 2, "{known}");
        let all = sealed_by(&data);
        assert!(all.iter().all(|id| ids(&known).contains(&id.as_str())));
    }

    folder.run(&["encryption", "rotate"]);

    let keys = folder.keys();
    let [key] = ids(&keys)[..] else {
        panic!("{keys}")
    };
    assert_eq!(sealed_by(&data), [key; 3]);
    folder.run(&["tenants", "rotate-webhook-secret", "acme"]);
}

#[test]
fn a_rotation_that_was_killed_goes_on_with_the_key_that_it_had_added() {
    let folder = Folder::with_tenants();
    let data = folder.data();
    let args = ["encryption", "rotate", "--data", data.to_str().unwrap()];
    let mut child = process::command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines();
    let waits = |line: &std::io::Result<String>| line.as_ref().unwrap().starts_with("waiting");
    assert!(said.take(10).any(|line| waits(&line)));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ids(&folder.keys()), ["k1", "k2"]);
    let status = folder.run(&["encryption", "status"]);
    assert!(status.contains("k1  old     0 secrets"), "{status}");

    let said = folder.run(&["encryption", "rotate"]);

    assert!(said.contains("sealed with k2; k1 is dropped"), "{said}");
    assert_eq!(ids(&folder.keys()), ["k2"]);
}

#[test]
fn a_record_that_cannot_be_read_keeps_the_old_key_and_is_named() {
    let folder = Folder::with_tenants();
    let database = Connection::open(folder.data().join("fluxgate.db")).unwrap();
    let spoilt = "UPDATE tenants SET body = json_remove(body, '$.state') WHERE id = 'bolt'";
    database.execute(spoilt, []).unwrap();

    let data = folder.data();
    let args = ["encryption", "rotate", "--data", data.to_str().unwrap()];
    let done = process::run(&args);

    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said.contains("k1 is kept for 1 record"), "{said}");
    assert!(said.contains("tenant bolt"), "{said}");
    assert_eq!(ids(&folder.keys()), ["k1", "k2"]);
    let mended = "UPDATE tenants SET body = json_set(body, '$.state', 'active') WHERE id = 'bolt'";
    database.execute(mended, []).unwrap();
    folder.run(&["encryption", "rotate"]);
    assert_eq!(ids(&folder.keys()), ["k2"]);
    assert_eq!(sealed_by(&data), ["k2"; 3]);
}

async fn endpoint(tenant: &TestTenant, url: &str) -> (String, String) {
    let asked = json!({
        "url": url, "signatures": "v1,v1a", "headers": { "x-api-key": "known-value" },
    });
    let made = tenant.post("/v1/endpoints", &asked).await;
    assert!(made.status.is_success(), "{:?}", made.body);
    (made.text("/id"), made.text("/secret"))
}

/// The server goes on signing, by the secrets that its receivers know.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_beside_a_server_goes_through_it_and_no_callback_notices() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (_, secret) = endpoint(&tenant, &receiver.url("events")).await;
    let data = gateway.server.folder().path.clone();
    assert_eq!(sealed_by(&data), ["k1"; 4]);

    let rotated = {
        let data = data.clone();
        tokio::task::spawn_blocking(move || run(&data, &["encryption", "rotate"]))
    };
    let said = rotated.await.unwrap();

    assert!(
        said.contains("4 secrets sealed with k2; k1 is dropped"),
        "{said}"
    );
    assert_eq!(sealed_by(&data), ["k2"; 4]);
    assert_eq!(ids(&keys(&data)), ["k2"]);
    let task = tenant.submit(&tenant.inputs().await).await;
    let received = receiver.about(&task, 1).await;
    let verifier = standardwebhooks::Webhook::new(&secret).unwrap();
    verifier
        .verify(&received[0].body, &received[0].headers)
        .unwrap();
    assert_eq!(received[0].header("x-api-key"), "known-value");
    let audit = gateway.operator().audit().await;
    assert!(
        audit.contains(&("encryption.key_added".to_owned(), String::new())),
        "{audit:?}"
    );
}

/// Both write the same records; each reads again what the other was first to change.
#[tokio::test(flavor = "multi_thread")]
async fn no_change_of_an_endpoint_is_lost_to_a_rotation() {
    const CHANGES: usize = 60;
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (id, first) = endpoint(&tenant, &receiver.url("events")).await;
    let path = format!("/v1/endpoints/{id}");

    let changing = async {
        for n in 0..CHANGES {
            let change = json!({ "description": format!("change {n}") });
            let request = tenant.http().patch(tenant.url(&path)).json(&change);
            let changed = tenant.send(request).await;
            assert_eq!(changed.status, 200, "{:?}", changed.body);
        }
    };
    let rotating = async {
        let mut steps = 0;
        for _ in 0..CHANGES {
            let step = gateway
                .operator()
                .post("/encryption/rotate", &json!({}))
                .await;
            assert_eq!(step.status, 200, "{:?}", step.body);
            steps += 1;
        }
        steps
    };
    let ((), steps) = tokio::join!(changing, rotating);

    assert_eq!(steps, CHANGES);
    let shown = tenant.get(&path).await;
    let last = format!("change {}", CHANGES - 1);
    assert_eq!(shown.text("/description"), last);
    let task = tenant.submit(&tenant.inputs().await).await;
    let received = receiver.about(&task, 1).await;
    let verifier = standardwebhooks::Webhook::new(&first).unwrap();
    verifier
        .verify(&received[0].body, &received[0].headers)
        .unwrap();
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused_and_begins_nothing() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();

    let refused = operator
        .post("/encryption/rotate?cursor=here", &json!({}))
        .await;

    assert_eq!(refused.status, 400, "{:?}", refused.body);
    assert_eq!(refused.text("/code"), "invalid_cursor");
    let status = operator.get("/encryption").await;
    assert_eq!(status.body["active_key"], "k1");
    assert_eq!(status.body["old_keys"], json!([]));
}
