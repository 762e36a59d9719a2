//! Finding tasks of all tenants by the admin API.

use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::tenant::{Answer, MODEL};
use serde_json::json;

use super::{FOREVER, gateway};

/// The tenants and tasks of a page.
fn found(answer: &Answer) -> Vec<(String, String)> {
    let tasks = answer.body["tasks"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    tasks
        .map(|task| (text(&task["tenant"]), text(&task["id"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn open_tasks_of_all_tenants_are_found_by_what_is_asked_and_page_by_page() {
    let gateway = gateway(FOREVER, None).await;
    let operator = gateway.operator();
    let (acme, bolt) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("bolt", "1").await,
    );
    let inputs = acme.inputs().await;
    let mut all = Vec::new();
    for tenant in [&acme, &acme, &bolt] {
        all.push((tenant.id.to_string(), tenant.submit(&inputs).await));
    }

    let open = operator.get("/tasks").await;
    let of_bolt = operator.get("/tasks?tenant=bolt").await;
    let first = operator.get("/tasks?limit=2").await;
    let rest = operator
        .get(&format!("/tasks?limit=2&cursor={}", first.text("/next")))
        .await;

    assert_eq!(found(&open), all);
    assert_eq!(open.body["tasks"][0]["state"], "submitted");
    assert!(open.body.get("next").is_none() && open.body["as_of"].is_string());
    assert_eq!(found(&of_bolt), all[2..]);
    assert_eq!([found(&first), found(&rest)].concat(), all);
    for (query, count) in [
        (format!("model={MODEL}&state=submitted,unknown"), 3),
        ("state=archiving".to_owned(), 0),
        ("model=other/model".to_owned(), 0),
        ("age_s=3600".to_owned(), 0),
        ("age_s=0".to_owned(), 3),
        ("error=submit_lost".to_owned(), 0),
    ] {
        let page = operator.get(&format!("/tasks?{query}")).await;
        assert_eq!(found(&page).len(), count, "{query}: {:?}", page.body);
    }
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_ended_are_found_by_their_end_and_their_error() {
    let gateway = fluxgate_tests::Gateway::start().await;
    let operator = gateway.operator();
    let (acme, bolt) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("bolt", "1").await,
    );
    let inputs = acme.inputs().await;
    let completed = acme.submit(&inputs).await;
    acme.ended(&completed).await;
    gateway.emulator.set_faults(Faults {
        fail_task: Fault::Always,
        ..Faults::default()
    });
    let failed = bolt.submit(&inputs).await;
    let reason = bolt.ended(&failed).await["reason"].clone();
    let reason = reason.as_str().unwrap();

    let open = operator.get("/tasks").await;
    let ends = operator.get("/tasks?state=completed,failed").await;
    let by_error = operator.get(&format!("/tasks?error={reason}")).await;
    let later = operator
        .get("/tasks?state=failed&from=2999-01-01T00:00:00Z")
        .await;

    let (completed, failed) = (("acme".to_owned(), completed), ("bolt".to_owned(), failed));
    assert_eq!(found(&open), []);
    assert_eq!(found(&ends), [completed, failed.clone()]);
    assert_eq!(found(&by_error), [failed]);
    assert_eq!(by_error.body["tasks"][0]["error"]["code"], reason);
    assert_eq!(found(&later), []);
    gateway.stop().await;
}

#[tokio::test]
async fn a_query_that_cannot_be_is_refused_and_names_its_field() {
    let gateway = fluxgate_tests::Gateway::start().await;
    let operator = gateway.operator();

    for (query, field) in [
        ("state=done", "state"),
        ("cursor=acme:1", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("limit=201", "limit"),
        ("age_s=-1", "age_s"),
        (
            "from=2026-01-02T00:00:00Z&before=2026-01-01T00:00:00Z",
            "from",
        ),
        ("tennant=acme", "tennant"),
    ] {
        let answer = operator.get(&format!("/tasks?{query}")).await;
        let told = (answer.status.as_u16(), answer.text("/code"));
        assert_eq!(told.0, 400, "{query}: {:?}", answer.body);
        assert!(answer.body.to_string().contains(field), "{:?}", answer.body);
    }
    assert_eq!(operator.get("/tasks?tenant=nobody").await.status, 404);
    let batches = operator.get("/tenants/nobody/batches").await;
    assert_eq!(batches.status, 404);
    gateway.tenant("acme", "1").await;
    let batches = operator.get("/tenants/acme/batches").await;
    assert_eq!(
        (batches.status.as_u16(), &batches.body),
        (200, &json!({ "batches": [] }))
    );
    gateway.stop().await;
}
