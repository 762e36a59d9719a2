//! No stored byte and no log line gives away a secret of a tenant, however it may be encoded.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use fluxgate_core::id::TenantId;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{FluxgateProcess, LiveReceiver, Stack, TestTenant, gateway, process};
use reqwest::Method;
use serde_json::{Value, json};

/// The base64 of 32 letters.
const OWN: &str = "whsec_dGhpcnR5LXR3by1sZXR0ZXJzLW9mLW9uZS1zZWNyZXQ=";
const HEADER: &str = "Bearer known-to-the-receiver-alone";
const PATH: &str = "path-that-is-a-secret";
const QUERY: &str = "query-that-is-a-secret";

/// A text that must not be found, and the bytes that it stands for, in every encoding.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let text = secret.trim_start_matches("whsec_").as_bytes().to_vec();
    let decoded = STANDARD.decode(&text).ok();
    let raw = std::iter::once(text).chain(decoded);
    raw.flat_map(|bytes| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let upper = hex.to_uppercase().into_bytes();
        let mut all = vec![hex.into_bytes(), upper];
        all.extend((0..3).flat_map(|shift| in_base64(&bytes, shift)));
        all.push(bytes);
        all
    })
    .collect()
}

/// What is sure to stand in the base64 of anything that holds these bytes after so many others.
fn in_base64(bytes: &[u8], shift: usize) -> [Vec<u8>; 2] {
    let shifted = [&vec![0; shift], bytes].concat();
    let from = (shift * 8).div_ceil(6);
    let to = shifted.len() * 8 / 6;
    [STANDARD, URL_SAFE].map(|base64| base64.encode(&shifted).as_bytes()[from..to].to_vec())
}

fn holds(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|part| part == needle)
}

/// An endpoint with everything that is a secret; answers with the secret that was made for another.
async fn fill(tenant: &TestTenant, receiver: &LiveReceiver) -> String {
    let url = format!("{}?token={QUERY}", receiver.url(PATH));
    let asked = json!({
        "url": url, "secret": OWN, "signatures": "v1,v1a", "headers": { "authorization": HEADER },
    });
    let made = tenant.post("/v1/endpoints", &asked).await;
    assert!(made.status.is_success(), "{:?}", made.body);
    let (_, fresh) = tenant.endpoint(&receiver.url("other")).await;
    fresh
}

/// A run whose callbacks go to both endpoints and to its own URL.
async fn run(tenant: &TestTenant, receiver: &LiveReceiver) {
    let hook = format!("{}?token={QUERY}", receiver.url(PATH));
    let inputs = tenant.inputs().await;
    let request = tenant.http().post(tenant.url(&format!("/api/v3/{MODEL}")));
    let request = request.query(&[("webhook", &hook)]).json(&inputs);
    let answer = tenant.send(request).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    receiver.about(&answer.text("/data/id"), 3).await;
}

async fn webhook_secret(tenant: &TestTenant) -> String {
    let answer = tenant.get("/api/v3/webhook/secret").await;
    answer.text("/data/secret")
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn what_is_looked_for_is_found_in_base64_at_any_place() {
    for before in ["", "a", "ab", "abc"] {
        let base64 = STANDARD.encode(format!("{before}{HEADER} and more"));
        let found = forms(HEADER)
            .iter()
            .filter(|form| holds(base64.as_bytes(), form))
            .count();
        assert!(found > 0, "{before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_of_a_data_folder_and_no_log_line_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let data_arg = data.to_str().unwrap();
    let added = process::run(&["tenants", "add", "acme", "--data", data_arg]);
    assert!(added.status.success());
    let listen = gateway::free_address().to_string();
    let base_url = format!("http://{listen}");
    let mut args = vec!["--data", data_arg, "--listen", &listen];
    args.extend(["--s3-listen", "127.0.0.1:0", "--allow-net", "127.0.0.0/8"]);
    args.extend(["--log", "trace"]);
    let stderr = File::create(&log).unwrap().into();
    let server = FluxgateProcess::serve_saying(&args, &[], &base_url, stderr).await;
    let token = process::run(&["token", "acme", "--data", data_arg]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let tenant = TestTenant::new(TenantId::parse("acme").unwrap(), &base_url, token);
    let receiver = LiveReceiver::start().await;

    let fresh = fill(&tenant, &receiver).await;
    run(&tenant, &receiver).await;
    let own = webhook_secret(&tenant).await;

    let secrets = [OWN, HEADER, &fresh, &own].map(forms).concat();
    let looked_at = files(&data);
    assert!(
        looked_at
            .iter()
            .any(|path| path.ends_with("fluxgate.db-wal"))
    );
    for path in looked_at {
        let bytes = fs::read(&path).unwrap();
        for form in &secrets {
            let text = String::from_utf8_lossy(form);
            assert!(!holds(&bytes, form), "{} holds {text}", path.display());
        }
    }
    assert_eq!(server.terminate(), Some(0));
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("DEBUG"), "the log says too little");
    let urls = [PATH, QUERY].map(|text| text.as_bytes().to_vec());
    for form in secrets.iter().chain(&urls) {
        let line = said.lines().find(|line| holds(line.as_bytes(), form));
        assert_eq!(line, None);
    }
}

/// Every text and every byte string of an item.
fn bytes_of(value: &AttributeValue, all: &mut Vec<Vec<u8>>) {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => all.push(text.clone().into_bytes()),
        AttributeValue::B(blob) => all.push(blob.as_ref().to_vec()),
        AttributeValue::L(list) => list.iter().for_each(|it| bytes_of(it, all)),
        AttributeValue::M(map) => map.values().for_each(|it| bytes_of(it, all)),
        AttributeValue::Ss(texts) => all.extend(texts.iter().map(|it| it.clone().into_bytes())),
        _ => {}
    }
}

async fn items(stack: &Stack) -> Vec<HashMap<String, AttributeValue>> {
    let dynamodb = stack.ministack.aws().dynamodb();
    let pages = dynamodb.scan().table_name(stack.table()).into_paginator();
    let items = pages.items().send().collect::<Result<Vec<_>, _>>().await;
    items.unwrap()
}

async fn table(stack: &Stack) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for item in items(stack).await {
        item.values().for_each(|value| bytes_of(value, &mut all));
    }
    all
}

fn sealed_by(table: &[Vec<u8>], key: &str) -> usize {
    let mark = format!("enc1.{key}.");
    table
        .iter()
        .filter(|it| it.starts_with(mark.as_bytes()))
        .count()
}

#[tokio::test]
async fn no_item_of_the_table_holds_a_secret_and_a_rotation_seals_all_of_them_anew() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let fresh = fill(&tenant, &receiver).await;
    run(&tenant, &receiver).await;
    let own = webhook_secret(&tenant).await;

    let before = table(&stack).await;
    for form in [OWN, HEADER, &fresh, &own].map(forms).concat() {
        let text = String::from_utf8_lossy(&form).into_owned();
        assert!(!before.iter().any(|value| holds(value, &form)), "{text}");
    }
    // The tenant's, of one endpoint three, of the other its secret.
    assert_eq!((sealed_by(&before, "k1"), sealed_by(&before, "k2")), (5, 0));

    let path = "/admin/v1/encryption/rotate";
    let step = stack.admin(path, &json!({})).await;
    assert_eq!(
        (step.0, &step.1["state"]),
        (200, &json!("waiting")),
        "{step:?}"
    );
    assert_eq!(step.1["resealed"], 5);
    let next = step.1["next"].as_str().unwrap();
    let again = stack
        .admin(&format!("{path}?cursor={next}"), &json!({}))
        .await;
    assert_eq!(again.1["resealed"], 0, "{again:?}");
    let resumed = stack.admin(path, &json!({})).await;
    assert_eq!(resumed.1["active_key"], "k2", "{resumed:?}");
    assert_eq!(resumed.1["old_keys"], json!(["k1"]));

    let after = table(&stack).await;
    assert_eq!((sealed_by(&after, "k1"), sealed_by(&after, "k2")), (0, 5));
    // The notifier knows the old ring alone until it meets a secret of the new key.
    run(&tenant, &receiver).await;
    let status = stack.admin_call(Method::GET, "/admin/v1/encryption", &Value::Null);
    let (code, status) = status.await;
    assert_eq!((code, &status["secrets"]), (200, &json!({ "k2": 5 })));
}
