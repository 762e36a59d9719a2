//! Endpoints of kind `pull`, read page by page and as a stream.

mod bursts;
mod streams;

use fluxgate_core::time::Timestamp;
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::contract::now;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

/// A gateway with a tenant that listens.
struct Bed {
    gateway: Gateway,
    tenant: TestTenant,
    id: String,
    secret: String,
}

impl Bed {
    async fn start() -> Self {
        Self::with(quick()).await
    }

    async fn with(bounds: BoundsSettings) -> Self {
        let options = GatewayOptions {
            bounds,
            ..GatewayOptions::default()
        };
        let gateway = Gateway::with(options).await;
        let tenant = gateway.tenant("acme", "20").await;
        let created = tenant.created_endpoint(&json!({ "kind": "pull" })).await;
        Self {
            id: created.text("/id"),
            secret: created.text("/secret"),
            gateway,
            tenant,
        }
    }

    /// A run that ended.
    async fn ended(&self) -> String {
        let task = self.tenant.submit(&self.tenant.inputs().await).await;
        assert_eq!(self.tenant.ended(&task).await["status"], "completed");
        task
    }

    async fn page(&self, more: &str) -> Answer {
        let path = format!("/v1/events?endpoint={}{more}", self.id);
        let answer = self.tenant.get(&path).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer
    }

    async fn states(&self) -> Vec<String> {
        let path = format!("/v1/deliveries?endpoint={}", self.id);
        let listed = self.tenant.get(&path).await;
        let deliveries = listed.body["deliveries"].as_array().cloned();
        let state = |delivery: &Value| delivery["state"].as_str().unwrap_or_default().to_owned();
        deliveries.unwrap_or_default().iter().map(state).collect()
    }
}

/// Whether a stock verifier takes what the event carries.
fn is_signed(secret: &str, event: &Value) -> bool {
    let mut headers = HeaderMap::new();
    for (name, value) in event["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, value.as_str().unwrap().parse().unwrap());
    }
    let body = event["body"].as_str().unwrap().as_bytes();
    let verifier = standardwebhooks::Webhook::new(secret).unwrap();
    verifier.verify(body, &headers).is_ok()
}

fn tasks(page: &Answer) -> Vec<String> {
    let events = page.body["events"].as_array().expect("a page has events");
    events.iter().map(task).collect()
}

fn task(event: &Value) -> String {
    event["task_id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_endpoint_s_events_are_read_as_their_callbacks_would_be_and_acknowledged_by_reading_on()
 {
    let bed = Bed::start().await;
    let (first, second) = (bed.ended().await, bed.ended().await);

    let page = bed.page("&limit=1").await;
    let again = bed.page("&limit=1").await;

    assert_eq!(
        (tasks(&page), tasks(&again)),
        (vec![first.clone()], vec![first])
    );
    assert_eq!(bed.states().await, ["pending", "pending"]);
    let event = &page.body["events"][0];
    assert_eq!(event["type"], "task.completed");
    let body = event["body"].as_str().unwrap();
    let data: Value = serde_json::from_str(body).unwrap();
    assert_eq!(data["data"]["id"], event["task_id"]);
    assert!(is_signed(&bed.secret, event));
    assert!(!is_signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", event));
    assert_eq!(event["id"], event["headers"]["webhook-id"]);
    let traceparent = event["headers"]["traceparent"].as_str().unwrap();
    assert!(
        traceparent.contains(event["task_id"].as_str().unwrap()),
        "{traceparent}"
    );

    let next = page.text("/next");
    let rest = bed.page(&format!("&after={next}")).await;
    assert_eq!(tasks(&rest), [second]);
    assert_eq!(bed.states().await, ["pending", "delivered"]);
    let end = bed.page(&format!("&after={}", rest.text("/next"))).await;
    assert!(tasks(&end).is_empty());
    assert_eq!(bed.states().await, ["delivered", "delivered"]);
    bed.gateway.stop().await;
}

/// What nobody acknowledged comes again, and what was acknowledged does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_dies_between_receipt_and_acknowledgement_gets_the_event_again() {
    let bounds = BoundsSettings {
        inbox_settle_ms: Some(1),
        ..quick()
    };
    let bed = Bed::with(bounds).await;
    let first = bed.ended().await;
    drop(bed.page("").await);

    let again = bed.page("").await;
    assert_eq!(tasks(&again), [first]);
    bed.page(&format!("&after={}", again.text("/next"))).await;
    assert!(tasks(&bed.page("").await).is_empty(), "it is acknowledged");

    // Reading on acknowledges, and once it may pass the event for good the endpoint remembers it.
    let after = tokio::sync::Mutex::new(again.text("/next"));
    eventually("the endpoint remembers what was read", || async {
        let page = bed.page(&format!("&after={}", after.lock().await)).await;
        assert!(tasks(&page).is_empty());
        let passed = page.text("/next");
        *after.lock().await = passed.clone();
        (passed == bed.page("").await.text("/next") && passed.ends_with('.')).then_some(())
    })
    .await;
    let second = bed.ended().await;
    assert_eq!(tasks(&bed.page("").await), [second]);
    bed.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_with_the_reason() {
    let bed = Bed::start().await;
    let other = bed.gateway.tenant("globex", "1").await;
    let receiver = LiveReceiver::start().await;
    let (pushed, _) = bed.tenant.endpoint(&receiver.url("events")).await;
    let id = &bed.id;
    let foreign = other.get(&format!("/v1/events?endpoint={id}")).await;
    assert_eq!(
        (foreign.status.as_u16(), foreign.text("/code").as_str()),
        (404, "not_found")
    );

    // Of the year 2286: passes what the endpoint has not read.
    let ahead = "OTk5OTk5OTk5OTk5OS8wMTk4ZjJjOGExYjk3YzNlOGQ0ZjVhNmI3YzhkOWUwZi0wMA.";
    for (query, status, code) in [
        (String::new(), 400, "missing_parameter"),
        ("endpoint=x".to_owned(), 404, "not_found"),
        (format!("endpoint={pushed}"), 409, "push_endpoint"),
        (format!("endpoint={id}&after=x"), 400, "invalid_cursor"),
        (
            format!("endpoint={id}&after={ahead}"),
            400,
            "invalid_cursor",
        ),
        (format!("endpoint={id}&limit=101"), 400, "invalid_parameter"),
        (format!("endpoint={id}&wait=26"), 400, "invalid_parameter"),
        (format!("endpoint={id}&cursor=x"), 400, "invalid_parameter"),
    ] {
        let answer = bed.tenant.get(&format!("/v1/events?{query}")).await;
        let told = (answer.status.as_u16(), answer.text("/code"));
        assert_eq!(
            told,
            (status, code.to_owned()),
            "{query}: {:?}",
            answer.body
        );
    }
    bed.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_endpoint_has_what_is_said_of_every_endpoint_and_nothing_of_those_that_are_called() {
    let bed = Bed::start().await;
    let path = format!("/v1/endpoints/{}", bed.id);
    let shown = bed.tenant.get(&path).await.body;
    assert_eq!(
        (&shown["kind"], &shown["url"]),
        (&json!("pull"), &Value::Null)
    );
    assert!(
        shown["expires_at"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    for body in [
        json!({ "url": "https://hooks.example/x" }),
        json!({ "headers": { "x-api-key": "1" } }),
        json!({ "concurrency": 3 }),
        json!({ "enabled": false }),
    ] {
        let refused = bed.tenant.patch(&path, &body).await;
        assert_eq!(refused.status, 400, "{body}: {:?}", refused.body);
        let mut create = body.clone();
        create["kind"] = json!("pull");
        assert_eq!(
            bed.tenant.post("/v1/endpoints", &create).await.status,
            400,
            "{body}"
        );
    }
    let started = json!({ "event_types": ["task.started"], "description": "a laptop" });
    assert_eq!(bed.tenant.patch(&path, &started).await.status, 200);
    let task = bed.ended().await;
    let page = bed.page("").await;
    assert_eq!(tasks(&page), [task]);
    assert_eq!(page.text("/events/0/type"), "task.started");

    let delivery = page.text("/events/0/delivery_id");
    for (path, code) in [
        (format!("/v1/deliveries/{delivery}/replay"), "pull_endpoint"),
        (format!("{path}/recover"), "pull_endpoint"),
    ] {
        let refused = bed.tenant.post(&path, &json!({})).await;
        let told = (refused.status.as_u16(), refused.text("/code"));
        assert_eq!(told, (409, code.to_owned()), "{path}: {:?}", refused.body);
    }
    let sample = bed.tenant.post(&format!("{path}/test"), &json!({})).await;
    assert_eq!(
        (sample.status.as_u16(), &sample.body["attempt"]),
        (200, &Value::Null)
    );
    let page = bed.page(&format!("&after={}", page.text("/next"))).await;
    assert_eq!(page.text("/events/0/id"), sample.text("/event_id"));
    assert!(page.text("/events/0/body").contains(r#""test":true"#));
    let cancel = format!("/v1/deliveries/{delivery}/cancel");
    let late = bed.tenant.post(&cancel, &json!({})).await;
    assert_eq!(
        (late.status.as_u16(), late.text("/code").as_str()),
        (409, "delivery_over")
    );
    let left = tasks(&bed.page("").await);
    assert_eq!(left, [""], "the sample alone");
    bed.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_endpoint_that_nobody_reads_is_gone_and_makes_room() {
    let bounds = BoundsSettings {
        inbox_unread_max_ms: Some(1_500),
        ..quick()
    };
    let bed = Bed::with(bounds).await;
    for _ in 1..fluxgate_core::webhook::PULL_ENDPOINTS_MAX {
        bed.tenant
            .created_endpoint(&json!({ "kind": "pull" }))
            .await;
    }
    let full = bed
        .tenant
        .post("/v1/endpoints", &json!({ "kind": "pull" }))
        .await;
    assert_eq!(full.text("/code"), "too_many_pull_endpoints");

    // One goes on reading.
    let others_gone = "the others are gone";
    eventually(others_gone, || async {
        bed.page("").await;
        let created = bed
            .tenant
            .post("/v1/endpoints", &json!({ "kind": "pull" }))
            .await;
        (created.status == 201).then_some(())
    })
    .await;

    let listed = bed.tenant.get("/v1/endpoints").await.body;
    assert!(listed.to_string().contains(&bed.id), "{listed}");
    let shown = format!("/v1/endpoints/{}", bed.id);
    eventually("nobody has read it for so long", || async {
        let expires_at = bed.tenant.get(&shown).await.text("/expires_at");
        let expires_at = Timestamp::from_rfc3339(&expires_at).unwrap();
        (expires_at <= now()).then_some(())
    })
    .await;
    let task = bed.ended().await;
    let timeline = bed.tenant.timeline(&task).await;
    assert!(!timeline.to_string().contains(&bed.id), "{timeline}");
    let read = format!("/v1/events?endpoint={}", bed.id);
    assert_eq!(bed.tenant.get(&read).await.status, 404);
    assert_eq!(bed.tenant.get(&shown).await.status, 404);
    bed.gateway.stop().await;
}

/// A reader right behind the clock: ends that are written in another order than their times are
/// told with a later one, and the ends themselves are written.
#[tokio::test(flavor = "multi_thread")]
async fn of_ends_that_overtake_each_other_none_is_skipped_and_none_is_lost() {
    const TASKS: usize = 16;
    let bounds = BoundsSettings {
        inbox_settle_ms: Some(1),
        ..quick()
    };
    let bed = Bed::with(bounds).await;
    let inputs = bed.tenant.inputs().await;
    let ends = (0..TASKS).map(|_| {
        let (tenant, inputs) = (bed.tenant.clone(), inputs.clone());
        tokio::spawn(async move {
            let task = tenant.submit(&inputs).await;
            assert_eq!(tenant.ended(&task).await["status"], "completed");
            task
        })
    });
    let ends: Vec<_> = ends.collect();

    let read = tokio::sync::Mutex::new((String::new(), Vec::new()));
    eventually("every event", || async {
        let (after, seen) = &mut *read.lock().await;
        let page = bed.page(&format!("&limit=3{after}")).await;
        *after = format!("&after={}", page.text("/next"));
        seen.extend(tasks(&page));
        (seen.len() >= TASKS).then_some(())
    })
    .await;

    let mut wanted = Vec::new();
    for end in ends {
        wanted.push(end.await.unwrap());
    }
    let (after, mut seen) = read.into_inner();
    assert!(tasks(&bed.page(&after).await).is_empty());
    seen.sort();
    wanted.sort();
    assert_eq!(seen, wanted, "each once");
    bed.gateway.stop().await;
}
