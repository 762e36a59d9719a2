//! Faults of the provider while outputs are fetched.

use fluxgate_emulator::{Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions, eventually};

use super::{by_webhook, outcome};

#[tokio::test]
async fn a_truncated_output_is_fetched_again() {
    let outcome = by_webhook(Faults {
        truncated_output: Fault::Times(2),
        ..Faults::default()
    })
    .await;

    outcome.completed_once("webhook").await;
}

#[tokio::test]
async fn a_slow_output_is_fetched_again_once_it_is_quick() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        slow_output_bytes_per_second: 100,
        ..Faults::default()
    });
    let task = tenant.submit(&inputs).await;
    eventually("a first try to fetch", || async {
        (gateway.emulator.request_count("output") >= 1).then_some(())
    })
    .await;

    gateway.emulator.set_faults(Faults::default());

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn an_output_that_is_no_picture_is_not_taken_for_one() {
    let outcome = by_webhook(Faults {
        wrong_output_type: Fault::Times(1),
        ..Faults::default()
    })
    .await;

    outcome.completed_once("webhook").await;
    assert!(
        outcome.prediction["objects"][0]["content_type"]
            .as_str()
            .unwrap()
            .starts_with("image/")
    );
}

#[tokio::test]
async fn an_output_that_is_missing_for_a_while_is_fetched_when_it_is_there() {
    let outcome = outcome(
        Faults {
            output_404: Fault::Times(3),
            ..Faults::default()
        },
        true,
    )
    .await;

    assert_eq!(
        outcome.prediction["status"], "completed",
        "{}",
        outcome.prediction
    );
    assert_eq!(outcome.tenant.balance_usd().await, 0.92);
}

/// As where the provider answers with whole pictures and a task has 400 KB in all.
#[tokio::test]
async fn outputs_that_no_store_would_keep_end_the_task_and_release_the_hold() {
    for webhooks in [true, false] {
        let bounds = BoundsSettings {
            sources_bytes_max: Some(10),
            ..quick()
        };
        let gateway = Gateway::with(GatewayOptions {
            webhooks,
            bounds,
            ..GatewayOptions::default()
        })
        .await;
        let tenant = gateway.tenant("acme", "1").await;

        let task = tenant.submit(&tenant.inputs().await).await;
        let prediction = tenant.ended(&task).await;

        assert_eq!(prediction["status"], "failed", "{prediction}");
        assert!(
            prediction["error"]
                .as_str()
                .unwrap()
                .contains("inside its answer"),
            "{prediction}"
        );
        assert_eq!(tenant.balance_usd().await, 1.0);
    }
}
