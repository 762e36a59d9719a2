//! A clock that differs from the provider's: submits in doubt are resolved all the same, and the
//! log names it.

use fluxgate_emulator::{Emulator, Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{emulator_config, quick};
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};

use super::tracing::serving;

/// Nothing but the provider's list ends a doubt while the test lasts.
async fn polling() -> (Gateway, TestTenant) {
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
    let tenant = gateway.tenant("acme", "1").await;
    (gateway, tenant)
}

/// Looked for by the clock here, a run of another time was never found and never denied.
#[tokio::test]
async fn a_doubt_between_clocks_that_differ_ends_as_one_between_clocks_that_agree() {
    for clock_ahead_ms in [90_000, -90_000, 3_600_000, -3_600_000] {
        let (gateway, tenant) = polling().await;
        gateway.emulator.set_faults(Faults {
            clock_ahead_ms,
            hang_up_after_accept: Fault::Times(1),
            ..Faults::default()
        });
        // The upload of the picture tells the clock.
        let inputs = tenant.inputs().await;

        let taken = tenant.submit(&inputs).await;
        let found = tenant.ended(&taken).await;
        gateway.emulator.set_faults(Faults {
            clock_ahead_ms,
            error_500_before_accept: Fault::Times(1),
            ..Faults::default()
        });
        let lost = tenant.submit(&inputs).await;
        let denied = tenant.ended(&lost).await;

        assert_eq!(found["status"], "completed", "{clock_ahead_ms}: {found}");
        assert_eq!(tenant.timeline(&taken).await["completed_by"], "resolve");
        assert_eq!(denied["reason"], "submit_lost", "{clock_ahead_ms}");
        assert_eq!(gateway.emulator.runs().len(), 1, "{clock_ahead_ms}");
        assert_eq!(tenant.balance_usd().await, 0.92, "{clock_ahead_ms}");
    }
}

/// A submit in doubt waited for somebody to set the clock, and only `doctor` named it.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_the_provider_s_differs_from_is_named_once_and_once_when_they_agree() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    emulator.set_faults(Faults {
        clock_ahead_ms: -3_600_000,
        ..Faults::default()
    });
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let told = |text: &str| {
        let log = serving.text();
        let lines = log.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };

    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    let off = told(" s ahead of the provider's: ");
    emulator.set_faults(Faults::default());
    tenant.inputs().await;

    assert_eq!(off.len(), 1, "{off:?}");
    assert!(off[0].contains(r#""level":"WARN""#), "{off:?}");
    assert!(off[0].contains("timedatectl set-ntp true"), "{off:?}");
    eventually("the end of it", || async {
        (told("and the provider's agree again").len() == 1).then_some(())
    })
    .await;
}
