//! Faults of the provider while a task is submitted: one paid run or none.

use fluxgate_emulator::{Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions};

use super::{by_webhook, outcome};

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

/// Two tenants, the same prompt, different pictures in the request itself: the uploads show to
/// which task a listed run belongs.
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
