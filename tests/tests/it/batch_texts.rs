//! The texts of a batch's lines are stored no longer than they are needed.

use std::path::PathBuf;

use fluxgate_core::seal::{DataKeys, Owner, StoredText};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};
use rusqlite::Connection;
use serde_json::{Value, json};

struct Stored {
    gateway: Gateway,
    database: PathBuf,
}

impl Stored {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("data").join("fluxgate.db");
        let options = GatewayOptions {
            bounds: BoundsSettings {
                batch_first_ms: Some(50),
                batch_waiting_max_ms: Some(400),
                ..quick()
            },
            ..GatewayOptions::default()
        };
        let gateway = Gateway::on(folder, options).await;
        Self { gateway, database }
    }

    /// Of all lines.
    fn texts(&self) -> String {
        let connection = Connection::open(&self.database).unwrap();
        let sql = "SELECT batch, last, texts FROM batch_chunks WHERE texts IS NOT NULL";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let (batch, last): (String, u32) = (row.get(0)?, row.get(1)?);
            Ok((format!("batch/{batch}/{last}"), row.get(2)?))
        });
        let open = |row: rusqlite::Result<(String, Vec<u8>)>| {
            let (id, sealed) = row.unwrap();
            let owner = Owner {
                tenant: "acme",
                id: &id,
            };
            let opened = self.keys().open(owner, &StoredText::Sealed(sealed));
            opened.unwrap().unwrap()
        };
        rows.unwrap().map(open).collect()
    }

    fn keys(&self) -> DataKeys {
        let connection = Connection::open(self.database.with_file_name("input-keys.db")).unwrap();
        let sql = "SELECT keys FROM input_keys";
        let keys: Vec<u8> = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        DataKeys::from_bytes(&keys).unwrap()
    }
}

/// Four lines, of which the tenant can pay one.
async fn waiting_batch(tenant: &TestTenant) -> String {
    let mut input = tenant.inputs().await;
    let lines = (1..=4).map(|n| {
        input["prompt"] = json!(format!("secret {n}"));
        json!({ "model": MODEL, "input": input }).to_string()
    });
    let body = lines.collect::<Vec<_>>().join("\n");
    let request = tenant.http().post(tenant.url("/v1/batches")).body(body);
    let id = tenant.send(request).await.text("/id");
    until(tenant, &id, |batch| {
        batch["waiting_for"] == "insufficient_funds" && batch["completed"] == 1
    })
    .await;
    id
}

async fn until(tenant: &TestTenant, id: &str, is: impl Fn(&Value) -> bool) {
    eventually("the batch's state", || async {
        let batch = tenant.get(&format!("/v1/batches/{id}")).await.body;
        is(&batch).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_waits_forgets_the_text_of_lines_that_became_tasks() {
    let stored = Stored::new().await;
    let tenant = stored.gateway.tenant("acme", "0.08").await;

    waiting_batch(&tenant).await;

    // Lines are submitted side by side: any of them may have got the money.
    eventually("one text that is gone", || async {
        let texts = stored.texts();
        let there = (1..=4).filter(|n| texts.contains(&format!("secret {n}")));
        (there.count() == 3).then_some(())
    })
    .await;
    let top_up = json!({ "amount_usd": "1", "reference": "more" });
    let operator = stored.gateway.operator();
    operator.post("/tenants/acme/top-ups", &top_up).await;
    eventually("all tasks", || async {
        (stored.gateway.emulator.runs().len() == 4).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_batch_ends_soon_and_leaves_no_text() {
    let stored = Stored::new().await;
    let tenant = stored.gateway.tenant("acme", "0.08").await;
    let id = waiting_batch(&tenant).await;

    let path = format!("/v1/batches/{id}/cancel");
    assert_eq!(tenant.post(&path, &json!({})).await.status, 202);

    until(&tenant, &id, |batch| !batch["ended_at"].is_null()).await;
    assert_eq!(stored.texts(), "");
    assert_eq!(stored.gateway.emulator.runs().len(), 1);
}

#[tokio::test]
async fn a_batch_in_a_form_is_refused_and_a_file_as_it_is_taken() {
    let stored = Stored::new().await;
    let tenant = stored.gateway.tenant("acme", "0").await;
    let line = json!({ "model": MODEL, "input": {} }).to_string();
    let send = async |content_type: &str| {
        let request = tenant.http().post(tenant.url("/v1/batches"));
        let request = request.header("content-type", content_type);
        tenant.send(request.body(line.clone())).await
    };

    let form = send("multipart/form-data; boundary=x").await;

    assert_eq!(form.status, 415, "{:?}", form.body);
    assert_eq!(form.text("/code"), "unsupported_content_type");
    assert!(form.text("/detail").contains("--data-binary"));
    for content_type in [
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ] {
        assert_eq!(send(content_type).await.status, 202, "{content_type}");
    }
}
