//! What became of a tenant's events, and having them sent again.

mod holding;

use std::collections::BTreeSet;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::receiver::Reply;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};
use serde_json::{Value, json};

/// A gateway that tries again only after minutes.
async fn slow_to_retry() -> Gateway {
    let bounds = BoundsSettings {
        callback_schedule_ms: Some(vec![600_000]),
        ..quick()
    };
    Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await
}

async fn listed(tenant: &TestTenant, query: &str) -> Vec<Value> {
    let page = tenant.get(&format!("/v1/deliveries?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {:?}", page.body);
    page.body["deliveries"].as_array().unwrap().clone()
}

async fn shown(tenant: &TestTenant, id: &str) -> Value {
    let shown = tenant.get(&format!("/v1/deliveries/{id}")).await;
    assert_eq!(shown.status, 200, "{:?}", shown.body);
    shown.body
}

/// The one delivery that the query finds, once there is one.
pub(crate) async fn found(tenant: &TestTenant, query: &str) -> Value {
    eventually(&format!("a delivery with {query}"), || async {
        listed(tenant, query).await.pop()
    })
    .await
}

pub(crate) async fn act(tenant: &TestTenant, delivery: &Value, action: &str) -> (u16, Value) {
    let id = delivery["id"].as_str().unwrap();
    let path = format!("/v1/deliveries/{id}/{action}");
    let answer = tenant.post(&path, &json!({})).await;
    (answer.status.as_u16(), answer.body)
}

#[tokio::test]
async fn a_broken_receiver_is_seen_mended_and_told_again_with_the_same_id() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (endpoint, _) = tenant.endpoint(&receiver.url("events")).await;
    receiver.answer_always(Reply {
        status: 500,
        headers: vec![("retry-after", "0".to_owned())],
        body: format!("database is down{}", " ".repeat(2_000)),
    });

    let task = tenant.submit(&tenant.inputs().await).await;
    let query = format!("endpoint={endpoint}&state=exhausted&task={task}");
    let exhausted = found(&tenant, &query).await;
    let shown_then = shown(&tenant, exhausted["id"].as_str().unwrap()).await;
    receiver.answer_always(Reply::of(204));
    let (status, replayed) = act(&tenant, &exhausted, "replay").await;

    let attempts = shown_then["attempts"].as_array().unwrap();
    assert_eq!(
        (attempts.len(), &shown_then["attempts_made"]),
        (5, &json!(5))
    );
    for attempt in attempts {
        assert_eq!(
            (&attempt["status"], &attempt["error_class"]),
            (&json!(500), &json!("server_error"))
        );
        assert_eq!(attempt["retry_after"], "0");
        let body = attempt["body"].as_str().unwrap();
        assert!(body.starts_with("database is down") && body.len() <= 1_024);
        assert!(attempt["duration_ms"].is_u64() && attempt["at"].is_string());
    }
    assert_eq!(shown_then.get("next_attempt_at"), None);
    assert_eq!((status, &replayed["state"]), (202, &json!("pending")));
    let delivered = found(&tenant, &format!("task={task}&state=delivered")).await;
    assert_eq!(
        (&delivered["id"], &delivered["attempts_made"]),
        (&exhausted["id"], &json!(6))
    );
    let tries = receiver.about(&task, 6).await;
    for received in &tries {
        assert_eq!(shown_then["event_id"], received.header("webhook-id"));
        assert_eq!(received.json()["timestamp"], tries[0].json()["timestamp"]);
        assert_eq!(received.json()["type"], "task.completed");
    }
    assert_eq!(
        shown_then["body"].as_str().unwrap().as_bytes(),
        tries[0].body
    );
}

#[tokio::test]
async fn a_redirect_and_a_receiver_that_is_not_there_say_what_to_mend() {
    let gateway = slow_to_retry().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (moved, _) = tenant.endpoint(&receiver.url("moved")).await;
    let (gone, _) = tenant.endpoint("http://127.0.0.1:9/nobody").await;
    receiver.answer_always(Reply {
        status: 301,
        headers: vec![("location", "https://new.example/hook".to_owned())],
        body: String::new(),
    });

    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let tried = |endpoint: String| {
        let tenant = tenant.clone();
        async move {
            eventually("an attempt", || async {
                let delivery = found(&tenant, &format!("endpoint={endpoint}")).await;
                (delivery["attempts_made"] == 1).then_some(delivery)
            })
            .await
        }
    };

    let moved = tried(moved).await;
    let attempt = &moved["attempts"][0];
    assert_eq!(
        (&attempt["error_class"], &attempt["location"]),
        (&json!("redirect"), &json!("https://new.example/hook"))
    );
    assert_eq!(
        (&moved["state"], moved["next_attempt_at"].is_string()),
        (&json!("pending"), true)
    );
    let gone = tried(gone).await;
    let attempt = &gone["attempts"][0];
    assert_eq!(
        (&attempt["status"], &attempt["error_class"]),
        (&Value::Null, &json!("connect"))
    );
    assert!(!attempt["error"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn deliveries_are_found_by_what_they_have_in_common_and_read_page_by_page() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let body =
        json!({ "url": receiver.url("all"), "event_types": ["task.started", "task.completed"] });
    let all = tenant.created_endpoint(&body).await.text("/id");
    tenant.endpoint(&receiver.url("ends")).await;
    let inputs = tenant.inputs().await;
    let mut tasks = Vec::new();
    for n in 0..3 {
        let task = tenant.submit(&inputs).await;
        receiver.about(&task, 3).await;
        eventually("three delivered callbacks", || async {
            let delivered = listed(&tenant, "state=delivered").await;
            (delivered.len() == 3 * (n + 1)).then_some(())
        })
        .await;
        tasks.push(task);
    }

    assert_eq!(listed(&tenant, "").await.len(), 9);
    assert_eq!(listed(&tenant, &format!("endpoint={all}")).await.len(), 6);
    assert_eq!(
        listed(&tenant, &format!("task={}", tasks[1])).await.len(),
        3
    );
    assert_eq!(listed(&tenant, "event=task.started").await.len(), 3);
    assert_eq!(
        listed(&tenant, "state=pending,held,exhausted").await.len(),
        0
    );
    assert_eq!(listed(&tenant, "endpoint=task_callback").await.len(), 0);
    let of_last = listed(&tenant, &format!("task={}&event=task.started", tasks[2])).await;
    let from = of_last[0]["created_at"].as_str().unwrap();
    assert_eq!(listed(&tenant, &format!("from={from}")).await.len(), 3);
    assert_eq!(listed(&tenant, &format!("before={from}")).await.len(), 6);

    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = tenant
            .get(&format!("/v1/deliveries?limit=2{cursor}"))
            .await
            .body;
        for delivery in page["deliveries"].as_array().unwrap() {
            ids.push(delivery["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let different: BTreeSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), different.len()), (9, 9));
    let newest_first: Vec<String> = listed(&tenant, "")
        .await
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, newest_first);
}

#[tokio::test]
async fn a_question_that_cannot_be_is_refused_by_its_parameter() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (query, field) in [
        ("endpoint=nobody", "endpoint"),
        ("state=done", "state"),
        ("state=pending,", "state"),
        ("event=task.done", "event"),
        ("task=1", "task"),
        ("from=yesterday", "from"),
        ("before=2026", "before"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("colour=red", "colour"),
        ("limit=1&limit=2", "limit"),
    ] {
        let refused = tenant.get(&format!("/v1/deliveries?{query}")).await;
        let told = (refused.status.as_u16(), refused.text("/field"));
        assert_eq!(told, (400, field.to_owned()), "{query}: {:?}", refused.body);
    }
}

#[tokio::test]
async fn a_delivery_of_another_tenant_is_not_found_by_any_route() {
    let gateway = Gateway::start().await;
    let (tenant, stranger) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("other", "1").await,
    );
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let delivery = found(&tenant, &format!("task={task}&state=delivered")).await;

    for id in [delivery["id"].as_str().unwrap(), "none", &"0".repeat(35)] {
        let path = format!("/v1/deliveries/{id}");
        for answer in [
            stranger.get(&path).await,
            stranger.post(&format!("{path}/replay"), &json!({})).await,
            stranger.post(&format!("{path}/cancel"), &json!({})).await,
        ] {
            assert_eq!(
                (answer.status.as_u16(), answer.text("/code")),
                (404, "not_found".to_owned())
            );
        }
    }
    assert_eq!(listed(&stranger, "").await, [Value::Null; 0]);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn nothing_is_replayed_or_cancelled_while_an_attempt_is_under_way() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[500]);

    let task = tenant.submit(&tenant.inputs().await).await;
    receiver.about(&task, 1).await;
    receiver.hold();
    receiver.about(&task, 2).await;
    let delivery = found(&tenant, &format!("task={task}")).await;
    for action in ["replay", "cancel"] {
        let (status, answer) = act(&tenant, &delivery, action).await;
        assert_eq!(
            (status, &answer["code"]),
            (409, &json!("attempt_under_way")),
            "{answer}"
        );
    }
    receiver.release();

    let delivered = found(&tenant, &format!("task={task}&state=delivered")).await;
    assert_eq!(delivered["attempts_made"], 2);
}

#[tokio::test]
async fn a_cancelled_delivery_is_not_sent_unless_it_is_replayed() {
    let gateway = slow_to_retry().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[500]);
    let task = tenant.submit(&tenant.inputs().await).await;
    let pending = eventually("a first attempt", || async {
        let delivery = found(&tenant, &format!("task={task}")).await;
        (delivery["attempts_made"] == 1).then_some(delivery)
    })
    .await;
    assert!(pending["next_attempt_at"].is_string(), "{pending}");

    for _ in 0..2 {
        let (status, cancelled) = act(&tenant, &pending, "cancel").await;
        assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")));
        assert_eq!(cancelled.get("next_attempt_at"), None);
    }
    let (status, replayed) = act(&tenant, &pending, "replay").await;
    assert_eq!((status, &replayed["state"]), (202, &json!("pending")));
    let delivered = found(&tenant, &format!("task={task}&state=delivered")).await;
    assert_eq!(delivered["attempts_made"], 2);
    let (status, over) = act(&tenant, &delivered, "cancel").await;
    assert_eq!((status, &over["code"]), (409, &json!("delivery_over")));
    // What was delivered is told again when its tenant wants it.
    assert_eq!(act(&tenant, &delivered, "replay").await.0, 202);
    let tries = receiver.about(&task, 3).await;
    assert_eq!(tries[2].header("webhook-id"), tries[0].header("webhook-id"));
}

#[tokio::test]
async fn replaying_what_waits_for_its_next_attempt_means_now() {
    let gateway = slow_to_retry().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[500]);
    let task = tenant.submit(&tenant.inputs().await).await;
    let pending = eventually("a first attempt", || async {
        let delivery = found(&tenant, &format!("task={task}")).await;
        (delivery["attempts_made"] == 1).then_some(delivery)
    })
    .await;

    assert_eq!(act(&tenant, &pending, "replay").await.0, 202);

    receiver.about(&task, 2).await;
    found(&tenant, &format!("task={task}&state=delivered")).await;
    assert_eq!(receiver.received().len(), 2);
}
