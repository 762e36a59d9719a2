//! Without a public URL a run's end is learnt by polling, soon and with few polls.

use std::time::Duration;

use fluxgate_core::time::Timestamp;
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use serde_json::Value;

const RUN_MS: u64 = 5_000;

/// When the task came to a step, by its timeline.
fn at(timeline: &Value, name: &str) -> Timestamp {
    let steps = timeline["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == name);
    let step = step.unwrap_or_else(|| panic!("no {name}: {timeline}"));
    Timestamp::from_rfc3339(step["at"].as_str().unwrap()).unwrap()
}

/// How long it took until a run's end was seen, in lengths of the run; and the polls that it took.
async fn seen_after(gateway: &Gateway, tenant: &TestTenant, inputs: &Value) -> (f64, u64) {
    let before = gateway.emulator.request_count("result");
    let task = tenant.submit(inputs).await;
    let ended = tenant.ended(&task).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let run_ms = ended["executionTime"].as_u64().unwrap();
    let timeline = tenant.timeline(&task).await;
    let seen_ms = at(&timeline, "finished").since_ms(at(&timeline, "accepted"));
    let polls = gateway.emulator.request_count("result") - before;
    (seen_ms as f64 / run_ms as f64, polls)
}

#[tokio::test]
async fn the_end_of_a_run_is_seen_soon_with_few_polls() {
    let gateway = Gateway::with(GatewayOptions {
        webhooks: false,
        run_time: Duration::from_millis(RUN_MS),
        bounds: BoundsSettings::default(),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let (first, first_polls) = seen_after(&gateway, &tenant, &inputs).await;
    let (second, second_polls) = seen_after(&gateway, &tenant, &inputs).await;

    eprintln!(
        "a run's end is seen after {first:.2} of its length in {first_polls} polls, \
         then after {second:.2} in {second_polls}"
    );
    // A second late is a fifth of the length; the rest is for a machine that does other work too.
    assert!(first <= 1.5 && second <= 1.5, "{first} {second}");
    let polls = (first_polls, second_polls);
    assert!(polls.0 <= 9 && polls.1 <= 9, "{polls:?} polls");
}
