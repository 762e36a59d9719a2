//! Links of the provider that do not lead to the outputs: the provider is asked for new links, and
//! a task without any ends soon.

use fluxgate_emulator::{Fault, Faults, OddOutput};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{patient, quick};
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};
use serde_json::{Value, json};

struct Outcome {
    gateway: Gateway,
    tenant: TestTenant,
    task: String,
    prediction: Value,
}

async fn outcome(faults: Faults, bounds: BoundsSettings) -> Outcome {
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
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
    async fn steps(&self, name: &str) -> usize {
        self.tenant
            .steps(&self.task)
            .await
            .iter()
            .filter(|step| *step == name)
            .count()
    }

    async fn failed_and_released(&self, reason: &str) {
        assert_eq!(
            (&self.prediction["status"], &self.prediction["reason"]),
            (&json!("failed"), &json!(reason))
        );
        assert_eq!(self.tenant.balance_usd().await, 1.0);
        let timeline = self.tenant.timeline(&self.task).await.to_string();
        assert!(
            !timeline.contains("/outputs/"),
            "a link of a task that costs nothing: {timeline}"
        );
    }
}

/// The watch would come after minutes: the dead link itself triggers the question to the provider.
#[tokio::test]
async fn a_dead_link_is_fetched_by_a_fresh_one_at_once() {
    let outcome = outcome(
        Faults {
            stale_output_links: Fault::Always,
            ..Faults::default()
        },
        patient(),
    )
    .await;

    assert_eq!(
        outcome.prediction["status"], "completed",
        "{}",
        outcome.prediction
    );
    assert_eq!(
        (
            outcome.steps("links_failed").await,
            outcome.steps("links_refreshed").await
        ),
        (1, 1)
    );
    assert_eq!(outcome.gateway.emulator.request_count("output"), 2);
    assert_eq!(outcome.tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn a_link_that_stays_dead_however_often_it_is_named_ends_its_task_soon() {
    let bounds = BoundsSettings {
        dead_link_max_ms: Some(1_000),
        ..quick()
    };

    let outcome = outcome(
        Faults {
            output_404: Fault::Always,
            ..Faults::default()
        },
        bounds,
    )
    .await;

    outcome.failed_and_released("output_gone").await;
    assert!(outcome.steps("links_refreshed").await >= 1);
    assert!(
        outcome.prediction["error"]
            .as_str()
            .unwrap()
            .contains("404"),
        "{}",
        outcome.prediction
    );
}

#[tokio::test]
async fn a_run_that_the_provider_has_forgotten_ends_its_task_soon() {
    let bounds = BoundsSettings {
        dead_link_max_ms: Some(1_000),
        ..quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        output_404: Fault::Always,
        result_500: Fault::Always,
        ..Faults::default()
    });
    let task = tenant.submit(&inputs).await;
    let failed = || async {
        tenant
            .steps(&task)
            .await
            .contains(&"links_failed".to_owned())
            .then_some(())
    };
    eventually("a dead link", failed).await;

    let delete = tenant.http().post(format!(
        "{}/api/v3/predictions/delete",
        gateway.emulator.base_url()
    ));
    let delete = delete.bearer_auth(gateway.emulator.api_key());
    let ids: Vec<String> = gateway
        .emulator
        .runs()
        .into_iter()
        .map(|run| run.id)
        .collect();
    assert_eq!(
        delete
            .json(&json!({ "ids": ids }))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    gateway.emulator.set_faults(Faults {
        output_404: Fault::Always,
        ..Faults::default()
    });

    let prediction = tenant.ended(&task).await;
    assert_eq!(
        (&prediction["status"], &prediction["reason"]),
        (&json!("failed"), &json!("output_gone"))
    );
    assert!(
        prediction["error"]
            .as_str()
            .unwrap()
            .contains("no longer has"),
        "{prediction}"
    );
    assert_eq!(tenant.balance_usd().await, 1.0);
}

/// A question that the provider does not answer is asked again: no task is given up for it.
#[tokio::test]
async fn a_provider_that_does_not_answer_is_asked_again_for_links() {
    let bounds = BoundsSettings {
        dead_link_max_ms: Some(1),
        ..quick()
    };
    let faults = Faults {
        stale_output_links: Fault::Always,
        result_500: Fault::Times(2),
        ..Faults::default()
    };

    let outcome = outcome(faults, bounds).await;

    assert_eq!(
        outcome.prediction["status"], "completed",
        "{}",
        outcome.prediction
    );
}

#[tokio::test]
async fn what_no_fresh_link_would_mend_ends_after_one() {
    let small = BoundsSettings {
        output_bytes_max: Some(100),
        ..patient()
    };
    let cases = [
        (
            Faults {
                wrong_output_type: Fault::Always,
                ..Faults::default()
            },
            patient(),
            "output_not_media",
        ),
        // At an address without an extension: the type of the model told what was to come.
        (
            Faults {
                odd_output: Some(OddOutput::Page),
                ..Faults::default()
            },
            patient(),
            "output_not_media",
        ),
        (
            Faults {
                empty_output: Fault::Always,
                ..Faults::default()
            },
            patient(),
            "output_empty",
        ),
        (Faults::default(), small, "output_too_large"),
        (
            Faults {
                output_redirects: 6,
                ..Faults::default()
            },
            patient(),
            "output_unavailable",
        ),
    ];
    for (faults, bounds, reason) in cases {
        let outcome = outcome(faults, bounds).await;

        outcome.failed_and_released(reason).await;
        assert_eq!(
            (
                outcome.steps("links_failed").await,
                outcome.steps("links_refreshed").await
            ),
            (1, 1),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn an_output_behind_five_redirects_is_archived() {
    let outcome = outcome(
        Faults {
            output_redirects: 5,
            ..Faults::default()
        },
        patient(),
    )
    .await;

    assert_eq!(
        (
            &outcome.prediction["status"],
            &outcome.prediction["archived"]
        ),
        (&json!("completed"), &json!(true))
    );
    assert_eq!(outcome.gateway.emulator.request_count("output"), 6);
}
