//! An operator's hand in a tenant's callbacks: the tenant's own use cases, recorded, and without
//! the secrets that a URL may hold.

use fluxgate_tests::receiver::Reply;
use fluxgate_tests::{Gateway, LiveReceiver, TestOperator, eventually};
use serde_json::json;

#[tokio::test]
async fn an_operator_mends_a_tenant_s_endpoint_and_the_audit_log_tells() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let receiver = LiveReceiver::start().await;
    let before = operator.audit().await.len();
    let endpoints = "/tenants/acme/endpoints";
    let body = json!({ "url": receiver.url("events?key=hidden") });

    let created = operator.post(endpoints, &body).await;
    assert_eq!(created.status, 201, "{:?}", created.body);
    assert!(created.text("/secret").starts_with("whsec_"));
    let path = format!("{endpoints}/{}", created.text("/id"));
    let changed = operator
        .patch(&path, &json!({ "description": "mended" }))
        .await;
    assert_eq!(changed.text("/description"), "mended");
    let audit = operator.get("/audit?limit=1").await.body;
    let told = &audit["entries"][0];
    assert_eq!(
        (&told["before"], &told["after"]),
        (
            &json!({ "description": "" }),
            &json!({ "description": "mended" })
        )
    );
    let rotated = operator.post(&format!("{path}/secret"), &json!({})).await;
    assert_eq!(rotated.status, 200, "{:?}", rotated.body);
    let no_key = operator
        .post(&format!("{path}/signing-key"), &json!({}))
        .await;
    assert_eq!(
        (no_key.status.as_u16(), no_key.text("/code")),
        (409, "no_signing_key".to_owned())
    );
    let tested = operator.post(&format!("{path}/test"), &json!({})).await;
    assert_eq!(tested.body["delivered"], true, "{:?}", tested.body);
    for shown in [
        &created,
        &changed,
        &rotated,
        &operator.get(&path).await,
        &operator.get(endpoints).await,
    ] {
        assert!(
            !shown.body.to_string().contains("hidden"),
            "{:?}",
            shown.body
        );
    }
    assert!(
        tenant
            .get("/v1/endpoints")
            .await
            .body
            .to_string()
            .contains("key=hidden")
    );
    assert_eq!(operator.delete(&path).await.status, 204);

    let done = [
        "create",
        "change",
        "rotate_secret",
        "rotate_key",
        "test",
        "delete",
    ];
    assert_eq!(changes_by_operator(&operator, before).await, done);
}

/// What the audit log says was done to endpoints since it had so many entries.
async fn changes_by_operator(operator: &TestOperator, before: usize) -> Vec<String> {
    let entries = operator.get("/audit?limit=50").await.body["entries"].clone();
    let entries = entries.as_array().unwrap();
    let done = entries[..entries.len() - before].iter().rev();
    done.map(|entry| {
        assert_eq!(
            (&entry["action"], &entry["tenant"], &entry["actor"]),
            (
                &json!("endpoint.changed"),
                &json!("acme"),
                &json!("admin:folder")
            )
        );
        entry["detail"]["by"].as_str().unwrap().to_owned()
    })
    .collect()
}

#[tokio::test]
async fn an_operator_sees_why_a_callback_failed_and_has_it_sent_again() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let receiver = LiveReceiver::start().await;
    let (id, _) = tenant.endpoint(&receiver.url("events")).await;
    receiver.answer_always(Reply {
        status: 302,
        headers: vec![("location", "https://hooks.example/x?key=hidden".to_owned())],
        body: "moved".to_owned(),
    });
    let task = tenant.submit(&tenant.inputs().await).await;
    let list = format!("/tenants/acme/deliveries?task={task}&state=exhausted");
    let exhausted = eventually("an exhausted delivery", || async {
        operator.get(&list).await.body["deliveries"][0]
            .as_object()
            .cloned()
    })
    .await;
    let path = format!(
        "/tenants/acme/deliveries/{}",
        exhausted["id"].as_str().unwrap()
    );

    let shown = operator.get(&path).await;
    assert_eq!(
        shown.body["attempts"][0]["location"],
        "https://hooks.example/…"
    );
    assert_eq!(
        (
            shown.body["attempts"][0]["error_class"].as_str(),
            shown.body.get("body"),
            shown.body["attempts"][0].get("body")
        ),
        (Some("redirect"), None, None)
    );
    receiver.answer_always(Reply::of(204));
    let replayed = operator.post(&format!("{path}/replay"), &json!({})).await;
    assert_eq!(
        (replayed.status.as_u16(), replayed.text("/state")),
        (202, "pending".to_owned())
    );
    eventually("a delivered callback", || async {
        let state = operator.get(&path).await.text("/state");
        (state == "delivered").then_some(())
    })
    .await;
    let over = operator.post(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(
        (over.status.as_u16(), over.text("/code")),
        (409, "delivery_over".to_owned())
    );
    let recovered = operator
        .post(&format!("/tenants/acme/endpoints/{id}/recover"), &json!({}))
        .await;
    assert_eq!(recovered.status, 202, "{:?}", recovered.body);
    let actions: Vec<String> = operator
        .audit()
        .await
        .into_iter()
        .take(3)
        .map(|(action, _)| action)
        .collect();
    assert_eq!(
        actions,
        ["endpoint.changed", "delivery.changed", "delivery.changed"]
    );
}

#[tokio::test]
async fn callbacks_of_an_unknown_tenant_and_ids_of_another_are_not_found() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();
    let tenant = gateway.tenant("acme", "1").await;
    gateway.tenant("other", "1").await;
    let (id, _) = tenant.endpoint("http://127.0.0.1:9/events").await;
    let before = operator.audit().await;

    let url = json!({ "url": "http://127.0.0.1:9/new" });
    for answer in [
        operator.get("/tenants/nobody/endpoints").await,
        operator.get("/tenants/nobody/deliveries").await,
        operator.post("/tenants/nobody/endpoints", &url).await,
        operator
            .get(&format!("/tenants/other/endpoints/{id}"))
            .await,
        operator
            .patch(
                &format!("/tenants/other/endpoints/{id}"),
                &json!({ "enabled": false }),
            )
            .await,
        operator
            .delete(&format!("/tenants/other/endpoints/{id}"))
            .await,
        operator
            .post(
                &format!("/tenants/acme/deliveries/{}-00/replay", "0".repeat(32)),
                &json!({}),
            )
            .await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.text("/code")),
            (404, "not_found".to_owned()),
            "{:?}",
            answer.body
        );
    }
    assert_eq!(operator.audit().await, before);
    assert_eq!(
        tenant
            .get("/v1/endpoints")
            .await
            .body
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
