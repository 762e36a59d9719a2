//! Each way in which the provider fails: one paid run, one capture or none, and an end.

use fluxgate_emulator::{Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{patient, quick};
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};
use serde_json::Value;

/// What one submit under a fault came to.
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

/// Where nothing but the webhook can bring the end.
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

#[tokio::test]
async fn a_429_is_waited_out_and_submitted_later() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        rate_limit_per_second: 1,
        ..Faults::default()
    });

    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(tenant.submit(&inputs).await);
    }
    let mut submits = 0;
    for task in &tasks {
        assert_eq!(tenant.ended(task).await["status"], "completed");
        submits += tenant.timeline(task).await["submits"].as_u64().unwrap();
    }

    assert!(
        submits > 4,
        "no submit was put off: the fault was not in force"
    );
    assert_eq!(gateway.emulator.runs().len(), 4);
    assert_eq!(tenant.balance_usd().await, 0.68);
}

#[tokio::test]
async fn a_500_after_accepting_is_resolved_by_the_webhook_without_a_second_post() {
    let outcome = by_webhook(Faults {
        error_500_after_accept: Fault::Always,
        ..Faults::default()
    })
    .await;

    outcome.completed_once("webhook").await;
    assert_eq!(outcome.gateway.emulator.request_count("submit"), 1);
}

#[tokio::test]
async fn a_500_after_accepting_is_resolved_by_the_provider_s_list_when_no_webhook_comes() {
    let outcome = outcome(
        Faults {
            error_500_after_accept: Fault::Always,
            ..Faults::default()
        },
        false,
    )
    .await;

    outcome.completed_once("resolve").await;
    assert_eq!(outcome.gateway.emulator.request_count("submit"), 1);
}

#[tokio::test]
async fn a_500_before_accepting_ends_in_a_release_and_is_never_posted_again() {
    let outcome = outcome(
        Faults {
            error_500_before_accept: Fault::Always,
            ..Faults::default()
        },
        true,
    )
    .await;

    outcome.failed_and_released("submit_lost").await;
    assert_eq!(outcome.gateway.emulator.request_count("submit"), 1);
    assert_eq!(outcome.gateway.emulator.runs().len(), 0);
}

/// Fields under two names at once, capitals, numbers as text, nulls: none of it puts a good submit
/// in doubt.
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
async fn an_accept_followed_by_a_hang_up_is_one_paid_run() {
    let outcome = by_webhook(Faults {
        hang_up_after_accept: Fault::Always,
        ..Faults::default()
    })
    .await;

    outcome.completed_once("webhook").await;
    assert_eq!(outcome.gateway.emulator.request_count("submit"), 1);
}

#[tokio::test]
async fn an_accept_whose_answer_times_out_is_one_paid_run() {
    let outcome = outcome(
        Faults {
            hang_after_accept_ms: 10_000,
            ..Faults::default()
        },
        false,
    )
    .await;

    outcome.completed_once("resolve").await;
    assert_eq!(outcome.gateway.emulator.request_count("submit"), 1);
}

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
                .contains("within its answer"),
            "{prediction}"
        );
        assert_eq!(tenant.balance_usd().await, 1.0);
    }
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

/// Two tenants, the same prompt, different pictures in the request itself: the uploads tell whose
/// run the list shows.
#[tokio::test]
async fn a_submit_in_doubt_is_never_given_another_tenant_s_run() {
    let bounds = BoundsSettings {
        unknown_max_ms: Some(600_000),
        ..quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        webhooks: false,
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let (one, other) = (
        gateway.tenant("one", "1").await,
        gateway.tenant("other", "1").await,
    );
    let picture = |shade: u8| {
        use base64::Engine as _;
        let mut png = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(8, 8, image::Rgb([shade, 0, 0]))
            .write_to(&mut png, image::ImageFormat::Png)
            .unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(png.into_inner());
        serde_json::json!({ "prompt": "the same", "image": format!("data:image/png;base64,{text}") })
    };

    gateway.emulator.set_faults(Faults {
        error_500_before_accept: Fault::Always,
        ..Faults::default()
    });
    let without_a_run = one.submit(&picture(1)).await;
    gateway.emulator.set_faults(Faults {
        error_500_after_accept: Fault::Always,
        ..Faults::default()
    });
    let with_a_run = other.submit(&picture(200)).await;

    assert_eq!(other.ended(&with_a_run).await["status"], "completed");
    assert_eq!(other.timeline(&with_a_run).await["completed_by"], "resolve");
    assert_eq!(one.ended(&without_a_run).await["reason"], "submit_lost");
    assert_eq!(
        (one.balance_usd().await, other.balance_usd().await),
        (1.0, 0.92)
    );
    assert_eq!(gateway.emulator.runs().len(), 1);
}
