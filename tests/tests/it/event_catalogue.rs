//! The catalogue of events in the docs: a JSON Schema and an example of each, compared with samples
//! and with real callbacks.

use std::collections::BTreeSet;
use std::path::Path;

use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::webhook::EventType;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::{Gateway, LiveReceiver, eventually};
use serde_json::{Value, json};

/// Where the guide and the schemas are.
fn docs(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join("shared/docs").join(path)).unwrap()
}

fn schema(event: EventType) -> Value {
    let text = docs(&format!("reference/events/{}.json", event.as_str()));
    serde_json::from_str(&text).unwrap()
}

/// Fails unless the body is as the schema says, and says nothing that the schema does not name.
pub(crate) fn assert_described(event: EventType, body: &Value) {
    let schema = schema(event);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(body)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{event:?}: {errors:?}: {body}");
    assert_named(&schema, body, event.as_str());
}

/// The data of all events of this type that a receiver was sent, each as its schema says.
pub(crate) fn events(receiver: &LiveReceiver, event: EventType) -> Vec<Value> {
    let bodies = receiver.received().into_iter().map(|one| one.json());
    let of_type = bodies.filter(|body| body["type"] == event.as_str());
    of_type
        .inspect(|body| assert_described(event, body))
        .map(|body| body["data"].clone())
        .collect()
}

/// The last of them, which comes.
pub(crate) async fn told(receiver: &LiveReceiver, event: EventType) -> Value {
    eventually(event.as_str(), async || events(receiver, event).pop()).await
}

fn assert_named(schema: &Value, value: &Value, place: &str) {
    if let (Some(properties), Some(members)) = (schema.get("properties"), value.as_object()) {
        for (name, member) in members {
            let place = format!("{place}.{name}");
            assert!(properties.get(name).is_some(), "{place} is in no schema");
            assert_named(&properties[name], member, &place);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        assert_named(&schema["items"], item, place);
    }
}

#[test]
fn every_event_type_has_a_schema_that_fits_its_example_and_its_sample() {
    let guide = docs("guides/callbacks.md");
    for event in EventType::ALL {
        let name = event.as_str();
        let link = format!("[`{name}`](../reference/events/{name}.json)");
        assert!(guide.contains(&link), "the guide lacks {link}");
        assert_eq!(schema(event)["properties"]["type"]["const"], name);

        let examples = schema(event)["examples"].clone();
        for example in examples.as_array().unwrap() {
            assert_described(event, example);
        }
        let now = SystemClock.now();
        let sample =
            json!({ "type": event, "timestamp": now.rfc3339(), "data": event.sample(now) });
        assert_described(event, &sample);
        assert!(!examples.as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn a_schema_refuses_what_it_does_not_describe() {
    let validator = jsonschema::validator_for(&schema(EventType::TaskCompleted)).unwrap();
    let good = schema(EventType::TaskCompleted)["examples"][0].clone();
    assert!(validator.is_valid(&good));

    for (pointer, value) in [
        ("/type", json!("task.failed")),
        ("/data/status", json!("failed")),
        ("/data/objects/0/sha256", json!("none")),
        ("/data/charged_usd", json!("0.08")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&bad), "{pointer}");
    }
}

/// Waits until the receiver was told of every one of these types, and compares each callback.
async fn assert_told(receiver: &LiveReceiver, events: &[EventType]) {
    let wanted: BTreeSet<&str> = events.iter().map(|event| event.as_str()).collect();
    eventually(&format!("{wanted:?}"), || async {
        let told = receiver.received();
        let told: Vec<Value> = told.iter().map(|one| one.json()["type"].clone()).collect();
        let there = |event: &&str| told.contains(&json!(event));
        wanted.iter().all(there).then_some(())
    })
    .await;
    for received in receiver.received() {
        let body = received.json();
        let event = EventType::parse(body["type"].as_str().unwrap()).unwrap();
        assert_described(event, &body);
    }
}

#[tokio::test]
async fn real_callbacks_are_as_the_catalogue_says() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (receiver, failing) = (LiveReceiver::start().await, LiveReceiver::start().await);
    let of_tenants = EventType::ALL.into_iter().filter(|it| !it.is_of_operator());
    let all: Vec<&str> = of_tenants.map(EventType::as_str).collect();
    let body = json!({ "url": receiver.url("all"), "event_types": all });
    tenant.created_endpoint(&body).await;
    let body = json!({ "url": failing.url("failing"), "event_types": ["task.completed"] });
    let failing_id = tenant.created_endpoint(&body).await.text("/id");
    failing.answer(&[500; 5]);

    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;
    assert_told(
        &receiver,
        &[EventType::TaskCompleted, EventType::DeliveryExhausted],
    )
    .await;
    failing.answer(&[410]);
    tenant.submit(&inputs).await;
    eventually("a disabled endpoint", || async {
        let endpoint = tenant
            .get(&format!("/v1/endpoints/{failing_id}"))
            .await
            .body;
        (endpoint["enabled"] == false).then_some(())
    })
    .await;
    gateway.emulator.set_faults(Faults {
        fail_task: Fault::Always,
        ..Faults::default()
    });
    tenant.submit(&inputs).await;

    assert_told(
        &receiver,
        &[
            EventType::TaskStarted,
            EventType::TaskCompleted,
            EventType::TaskFailed,
            EventType::EndpointDisabled,
            EventType::DeliveryExhausted,
        ],
    )
    .await;
    assert_eq!(tenant.result(&task).await["status"], "completed");
}
