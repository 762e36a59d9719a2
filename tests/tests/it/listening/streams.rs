//! Events as they come: server-sent, and pages that wait.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::eventually;
use fluxgate_tests::gateway::quick;
use serde_json::{Value, json};

use super::{Bed, task, tasks};

impl Bed {
    /// What a stream sends, until it has `count` events.
    async fn stream(&self, last: Option<&str>, count: usize) -> Vec<Sent> {
        let mut request = self
            .tenant
            .http()
            .get(self.tenant.url(&format!("/v1/events?endpoint={}", self.id)))
            .bearer_auth(&self.tenant.token)
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut text = String::new();
        while sent(&text).len() < count {
            let Some(more) = response.chunk().await.unwrap() else {
                break;
            };
            text.push_str(std::str::from_utf8(&more).unwrap());
        }
        assert!(text.starts_with("retry: "), "{text}");
        sent(&text)
    }
}

#[derive(Debug, Clone)]
struct Sent {
    id: String,
    event: String,
    data: Value,
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
            event: field(block, "event")?,
            data: serde_json::from_str(&field(block, "data")?).ok()?,
        })
    };
    let (whole, _) = text.rsplit_once("\n\n").unwrap_or_default();
    whole.split("\n\n").filter_map(event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_sends_what_comes_and_is_resumed_behind_its_last_event() {
    let bed = Bed::start().await;
    let first = bed.ended().await;
    let (streamed, second) = tokio::join!(bed.stream(None, 2), bed.ended());

    let seen: Vec<String> = streamed.iter().map(|sent| task(&sent.data)).collect();
    assert_eq!(seen, [first, second.clone()]);
    assert_eq!(streamed[0].event, "task.completed");
    assert_eq!(streamed[0].id, streamed[0].data["cursor"]);

    let resumed = bed.stream(Some(&streamed[0].id), 1).await;
    assert_eq!(task(&resumed[0].data), second);
    assert_eq!(bed.states().await, ["pending", "delivered"]);
    bed.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_after_its_bound_and_a_page_waits_for_an_event() {
    let bounds = BoundsSettings {
        event_stream_max_ms: Some(1_000),
        ..quick()
    };
    let bed = Bed::with(bounds).await;

    assert!(bed.stream(None, 1).await.is_empty());

    let (page, task) = tokio::join!(
        async {
            eventually("an event in time", || async {
                let page = bed.page("&wait=25").await;
                (!tasks(&page).is_empty()).then_some(page)
            })
            .await
        },
        bed.ended()
    );
    assert_eq!(tasks(&page), [task]);
    bed.gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_requests_of_a_tenant_wait_and_another_tenant_s_do_too() {
    let bounds = BoundsSettings {
        event_streams_max: Some(1),
        ..quick()
    };
    let bed = Bed::with(bounds).await;
    let path = format!("/v1/events?endpoint={}", bed.id);
    let open = bed.tenant.http().get(bed.tenant.url(&path));
    let open = open
        .bearer_auth(&bed.tenant.token)
        .header("accept", "text/event-stream");
    let open = open.send().await.unwrap();
    assert_eq!(open.status(), 200);

    let refused = bed.tenant.get(&format!("{path}&wait=5")).await;

    assert_eq!(refused.status, 429, "{:?}", refused.body);
    assert_eq!(refused.text("/code"), "too_many_streams");
    assert_eq!(refused.headers["retry-after"], "5");
    assert_eq!(
        bed.page("").await.status,
        200,
        "a page that does not wait is free"
    );
    let other = bed.gateway.tenant("globex", "1").await;
    let theirs = other.created_endpoint(&json!({ "kind": "pull" })).await;
    let theirs = format!("/v1/events?endpoint={}&wait=1", theirs.text("/id"));
    assert_eq!(other.get(&theirs).await.status, 200);
    drop(open);
    eventually("the place is free again", || async {
        let answer = bed.tenant.get(&format!("{path}&wait=1")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    bed.gateway.stop().await;
}
