//! A task is followed line by line, and from where a stream broke off.

use std::time::Duration;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};
use serde_json::Value;

use super::{refusal, tiny};

#[derive(Debug, Clone)]
struct Sent {
    id: String,
    name: String,
    data: Value,
}

/// The answer to a request for a task's events, until it ends or has so many.
async fn stream(tenant: &TestTenant, task: &str, last: &str, most: usize) -> (u16, Vec<Sent>) {
    let url = tenant.url(&format!("/v1/tasks/{task}/events"));
    let request = tenant.http().get(url).bearer_auth(&tenant.token);
    let request = request.header("last-event-id", last);
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    while sent(&text).len() < most {
        let Some(more) = response.chunk().await.unwrap() else {
            break;
        };
        text.push_str(std::str::from_utf8(&more).unwrap());
    }
    let mut events = sent(&text);
    events.truncate(most);
    (response.status().as_u16(), events)
}

/// The whole events of a stream.
fn sent(text: &str) -> Vec<Sent> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start_matches(": ").to_owned())
    };
    let event = |block: &str| {
        Some(Sent {
            id: field(block, "id")?,
            name: field(block, "event")?,
            data: serde_json::from_str(&field(block, "data")?).ok()?,
        })
    };
    let (whole, _) = text.rsplit_once("\n\n").unwrap_or_default();
    whole.split("\n\n").filter_map(event).collect()
}

fn steps(events: &[Sent]) -> Vec<String> {
    let steps = events.iter().filter(|event| event.name == "step");
    let name = |event: &Sent| event.data["name"].as_str().unwrap().to_owned();
    steps.map(name).collect()
}

async fn start(bounds: BoundsSettings, run_time: Duration) -> (Gateway, TestTenant) {
    let gateway = Gateway::with(GatewayOptions {
        faults: tiny(),
        run_time,
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    (gateway, tenant)
}

#[tokio::test]
async fn a_stream_tells_every_line_and_ends_with_the_task() {
    let (gateway, tenant) = start(quick(), Duration::from_millis(600)).await;
    let task = tenant.submit(&tenant.inputs().await).await;

    let (status, events) = stream(&tenant, &task, "", usize::MAX).await;

    assert_eq!(status, 200);
    assert_eq!(steps(&events), tenant.steps(&task).await);
    let last = events.last().unwrap();
    assert_eq!(
        (&*last.name, &last.data["state"]),
        ("end", &"completed".into())
    );
    assert!(last.data["outputs"][0]["url"].is_string(), "{last:?}");
    let states = events.iter().filter(|event| event.name == "state");
    assert!(states.count() > 0, "it had not ended when the stream began");
    let (status, events) = stream(&tenant, &task, &last.id, usize::MAX).await;
    assert_eq!((status, events.len()), (204, 0));
    gateway.stop().await;
}

#[tokio::test]
async fn a_stream_that_broke_off_after_any_event_goes_on_without_a_gap_or_a_double() {
    let (gateway, tenant) = start(quick(), Duration::from_millis(400)).await;
    let task = tenant.submit(&tenant.inputs().await).await;

    let mut events: Vec<Sent> = Vec::new();
    while events.last().is_none_or(|event| event.name != "end") {
        let last = events.last().map_or("", |event| &event.id).to_owned();
        events.extend(stream(&tenant, &task, &last, 1).await.1);
    }

    assert_eq!(steps(&events), tenant.steps(&task).await);
    let others = events.iter().filter(|event| event.name != "step");
    let states: Vec<&Value> = others.map(|event| &event.data["state"]).collect();
    assert!(
        states.windows(2).all(|pair| pair[0] != pair[1]),
        "{states:?}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_stream_ends_after_its_bound_and_the_next_one_goes_on() {
    let bounds = BoundsSettings {
        event_stream_max_ms: Some(0),
        ..quick()
    };
    let (gateway, tenant) = start(bounds, Duration::from_secs(3)).await;
    let task = tenant.submit(&tenant.inputs().await).await;

    let (status, first) = stream(&tenant, &task, "", usize::MAX).await;
    let last = &first.last().unwrap().id;
    let (_, second) = stream(&tenant, &task, last, usize::MAX).await;

    assert_eq!(
        (status, &*first[0].data["name"].to_string()),
        (200, "\"admitted\"")
    );
    assert!(
        second
            .iter()
            .all(|event| !first.iter().any(|told| told.id == event.id))
    );
    gateway.stop().await;
}

#[tokio::test]
async fn streams_are_for_who_owns_the_task_and_so_many_at_once() {
    let bounds = BoundsSettings {
        event_streams_max: Some(2),
        ..quick()
    };
    let (gateway, tenant) = start(bounds, Duration::from_secs(20)).await;
    let stranger = gateway.tenant("other", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let path = format!("/v1/tasks/{task}/events");
    let open = async || {
        let request = tenant.http().get(tenant.url(&path));
        request.bearer_auth(&tenant.token).send().await.unwrap()
    };

    let held = [open().await, open().await];
    let refused = tenant.get(&path).await;

    assert_eq!(held.map(|answer| answer.status().as_u16()), [200, 200]);
    assert_eq!(refusal(&refused), (429, "too_many_streams".to_owned()));
    assert_eq!(stranger.get(&path).await.status, 404);
    eventually("a place that is free again", || async {
        (open().await.status() == 200).then_some(())
    })
    .await;
    let bad = tenant.get(&format!("{path}?after=4.flying")).await;
    assert_eq!(refusal(&bad), (400, "invalid_cursor".to_owned()));
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_has_its_place_until_the_task_ends() {
    let bounds = BoundsSettings {
        event_streams_max: Some(1),
        ..quick()
    };
    let (gateway, tenant) = start(bounds, Duration::from_secs(1)).await;
    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;
    let url = tenant.url(&format!("/v1/tasks/{task}/events"));
    let stalled = tenant.http().get(url).bearer_auth(&tenant.token).send();
    let stalled = stalled.await.unwrap();

    let (status, _) = stream(&tenant, &task, "", 1).await;
    assert_eq!((stalled.status().as_u16(), status), (200, 429));

    tenant.ended(&task).await;
    let task = tenant.submit(&inputs).await;
    eventually("the stalled client's place", || async {
        let (status, _) = stream(&tenant, &task, "", 1).await;
        (status == 200).then_some(())
    })
    .await;
    drop(stalled);
    gateway.stop().await;
}
