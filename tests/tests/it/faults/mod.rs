//! Each way in which the provider fails: one paid run, one capture or none, and an end.

mod outputs;
mod submits;

use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::gateway::patient;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};
use serde_json::Value;

/// The outcome of one submit under a fault.
struct Outcome {
    gateway: Gateway,
    tenant: TestTenant,
    task: String,
    prediction: Value,
}

async fn outcome(faults: Faults, webhooks: bool) -> Outcome {
    outcome_of(
        GatewayOptions {
            webhooks,
            ..GatewayOptions::default()
        },
        faults,
    )
    .await
}

/// Only the webhook can report the end.
async fn by_webhook(faults: Faults) -> Outcome {
    outcome_of(
        GatewayOptions {
            bounds: patient(),
            ..GatewayOptions::default()
        },
        faults,
    )
    .await
}

async fn outcome_of(options: GatewayOptions, faults: Faults) -> Outcome {
    let gateway = Gateway::with(options).await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(faults);
    let task = tenant.submit(&inputs).await;
    let prediction = tenant.ended(&task).await;
    Outcome {
        gateway,
        tenant,
        task,
        prediction,
    }
}

impl Outcome {
    async fn completed_once(&self, by: &str) {
        assert_eq!(
            self.prediction["status"], "completed",
            "{}",
            self.prediction
        );
        assert_eq!(self.tenant.timeline(&self.task).await["completed_by"], by);
        assert_eq!(self.gateway.emulator.runs().len(), 1, "paid runs");
        assert_eq!(self.tenant.balance_usd().await, 0.92);
    }

    async fn failed_and_released(&self, reason: &str) {
        assert_eq!(self.prediction["reason"], reason, "{}", self.prediction);
        assert_eq!(self.tenant.balance_usd().await, 1.0);
    }
}

#[tokio::test]
async fn a_lost_webhook_only_delays() {
    let outcome = outcome(
        Faults {
            webhook_lost: Fault::Always,
            ..Faults::default()
        },
        true,
    )
    .await;

    outcome.completed_once("poll").await;
}

#[tokio::test]
async fn a_webhook_sent_twice_completes_once() {
    let outcome = by_webhook(Faults {
        webhook_twice: Fault::Always,
        ..Faults::default()
    })
    .await;

    outcome.completed_once("webhook").await;
    let steps = outcome.tenant.steps(&outcome.task).await;
    assert_eq!(steps.iter().filter(|name| *name == "finished").count(), 1);
}

#[tokio::test]
async fn a_late_webhook_finds_the_task_completed_by_the_poll() {
    let receiver = LiveReceiver::start().await;
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    tenant.endpoint(&receiver.url("events")).await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        webhook_late_ms: 4_000,
        ..Faults::default()
    });

    let task = tenant.submit(&inputs).await;
    tenant.ended(&task).await;
    let told = eventually("the late webhook", || async {
        let count = gateway.emulator.request_count("webhook_answered");
        (count >= 1).then_some(count)
    })
    .await;

    assert_eq!(told, 1);
    assert_eq!(tenant.timeline(&task).await["completed_by"], "poll");
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(receiver.about(&task, 1).await.len(), 1);
}

#[tokio::test]
async fn a_badly_signed_webhook_changes_nothing_and_the_poll_completes() {
    let outcome = outcome(
        Faults {
            webhook_bad_signature: Fault::Always,
            ..Faults::default()
        },
        true,
    )
    .await;

    outcome.completed_once("poll").await;
}

/// Fields under two names at once, capitals, numbers as text, nulls: an accepted submit stays
/// accepted.
#[tokio::test]
async fn answers_in_another_version_s_words_are_understood_by_every_way_they_come() {
    let odd = || Faults {
        odd_answers: Fault::Always,
        ..Faults::default()
    };

    let told = by_webhook(odd()).await;
    let asked = outcome(odd(), false).await;
    let listed = outcome(
        Faults {
            error_500_after_accept: Fault::Always,
            ..odd()
        },
        false,
    )
    .await;

    told.completed_once("webhook").await;
    asked.completed_once("poll").await;
    listed.completed_once("resolve").await;
    for outcome in [&told, &asked] {
        assert!(
            !outcome
                .tenant
                .steps(&outcome.task)
                .await
                .contains(&"submit_ambiguous".to_owned())
        );
    }
}

#[tokio::test]
async fn a_failed_run_releases_the_hold_and_is_told() {
    let receiver = LiveReceiver::start().await;
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    tenant.endpoint(&receiver.url("events")).await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        fail_task: Fault::Always,
        ..Faults::default()
    });

    let task = tenant.submit(&inputs).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(prediction["status"], "failed");
    assert_ne!(prediction["error"], "");
    assert_eq!(tenant.balance_usd().await, 1.0);
    assert_eq!(
        receiver.about(&task, 1).await[0].json()["type"],
        "task.failed"
    );
}

#[tokio::test]
async fn an_nsfw_flag_reaches_the_tenant() {
    let outcome = outcome(
        Faults {
            nsfw: Fault::Always,
            ..Faults::default()
        },
        true,
    )
    .await;

    assert_eq!(
        outcome.prediction["has_nsfw_contents"],
        serde_json::json!([true])
    );
}

#[tokio::test]
async fn failing_polls_only_delay() {
    let outcome = outcome(
        Faults {
            result_500: Fault::Times(2),
            ..Faults::default()
        },
        false,
    )
    .await;

    outcome.completed_once("poll").await;
}

#[tokio::test]
async fn a_picture_that_cannot_be_fetched_fails_with_the_provider_s_code() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let nowhere = format!("{}/uploads/missing.png", gateway.emulator.base_url());

    let task = tenant
        .submit(&serde_json::json!({ "prompt": "x", "image": nowhere }))
        .await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(
        (&prediction["status"], &prediction["code"]),
        (&"failed".into(), &1402.into())
    );
    assert_eq!(tenant.balance_usd().await, 1.0);
}
