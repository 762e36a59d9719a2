//! Submits in doubt on AWS: one paid run, one capture, no second POST.

use std::sync::Arc;

use fluxgate_core::app::{Context, Watcher, Worker as _};
use fluxgate_core::bounds::{Bounds, DenialTerms};
use fluxgate_core::money::Account;
use fluxgate_core::retry::Growing;
use fluxgate_core::task::{Admission, Lane};
use fluxgate_emulator::{Emulator, EmulatorConfig, Fault, Faults};
use fluxgate_tests::contract::{PRICE, Stores, admission};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::roles::provider;
use fluxgate_tests::{AwsStores, Ministack, Roles, Stack, StackOptions, TestTenant, eventually};
use serde_json::Value;
use tokio::task::JoinHandle;

/// The ways in which an answer is lost although the run was taken, each for the submit that comes
/// next.
fn hung_up() -> Faults {
    Faults {
        hang_up_after_accept: Fault::Times(1),
        ..Faults::default()
    }
}

fn said_500() -> Faults {
    Faults {
        error_500_after_accept: Fault::Times(1),
        ..Faults::default()
    }
}

/// Longer than the gateway waits for the provider.
fn timed_out() -> Faults {
    Faults {
        hang_after_accept_ms: 45_000,
        ..Faults::default()
    }
}

/// Its picture is in the request itself, and becomes an upload before the POST.
const WITH_A_FILE: &str = "with-a-file";

struct Doubtful {
    tenant: TestTenant,
    inputs: Value,
    key: &'static str,
    submit: JoinHandle<String>,
}

/// Submits under a fault; returns when the provider has taken the run.
async fn submit(stack: &Stack, name: &'static str, faults: Faults) -> Doubtful {
    let tenant = stack.tenant(name, "1").await;
    let mut inputs = tenant.inputs().await;
    // Runs with equal inputs could be mixed up.
    inputs["prompt"] = name.into();
    if name == WITH_A_FILE {
        use base64::Engine as _;
        let picture =
            base64::engine::general_purpose::STANDARD.encode(fluxgate_emulator::DEMO_PHOTO);
        inputs["image"] = format!("data:image/jpeg;base64,{picture}").into();
    }
    let runs = stack.emulator.runs().len();
    stack.emulator.set_faults(faults);
    let (caller, body) = (tenant.clone(), inputs.clone());
    let submit = tokio::spawn(async move {
        let answer = caller.submit_with_key(&body, name).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.text("/data/id")
    });
    fluxgate_tests::eventually("the run", || async {
        (stack.emulator.runs().len() > runs).then_some(())
    })
    .await;
    Doubtful {
        tenant,
        inputs,
        key: name,
        submit,
    }
}

impl Doubtful {
    async fn was_paid_once(self, by: &str) {
        let task = self.submit.await.unwrap();
        let prediction = self.tenant.ended(&task).await;
        assert_eq!(prediction["status"], "completed", "{prediction}");
        assert_eq!(
            self.tenant.timeline(&task).await["completed_by"],
            by,
            "{}",
            self.key
        );
        let again = self.tenant.submit_with_key(&self.inputs, self.key).await;
        assert_eq!((again.status.as_u16(), again.text("/data/id")), (200, task));
        assert_eq!(self.tenant.balance_usd().await, 0.92);
    }
}

#[tokio::test]
async fn the_webhook_proves_the_run_whatever_became_of_the_answer() {
    let stack = Stack::start().await;
    let mut doubtful = Vec::new();
    for (name, faults) in [
        ("hung-up", hung_up()),
        ("said-500", said_500()),
        ("timed-out", timed_out()),
    ] {
        doubtful.push(submit(&stack, name, faults).await);
    }
    stack.emulator.set_faults(Faults::default());

    for doubtful in doubtful {
        doubtful.was_paid_once("webhook").await;
    }

    assert_eq!(
        (
            stack.emulator.runs().len(),
            stack.emulator.request_count("submit")
        ),
        (3, 3)
    );
}

#[tokio::test]
async fn without_the_webhook_the_run_is_found_in_the_provider_s_list() {
    let emulator = EmulatorConfig {
        faults: Faults {
            webhook_lost: Fault::Always,
            ..Faults::default()
        },
        ..emulator_config()
    };
    let stack = Stack::with(StackOptions {
        emulator,
        ..StackOptions::default()
    })
    .await;
    let lost = |faults: Faults| Faults {
        webhook_lost: Fault::Always,
        ..faults
    };
    let hung_up = submit(&stack, "hung-up", lost(hung_up())).await;
    let said_500 = submit(&stack, "said-500", lost(said_500())).await;
    let with_a_file = submit(&stack, WITH_A_FILE, lost(self::hung_up())).await;

    hung_up.was_paid_once("resolve").await;
    said_500.was_paid_once("resolve").await;
    with_a_file.was_paid_once("resolve").await;

    assert_eq!(
        (
            stack.emulator.runs().len(),
            stack.emulator.request_count("submit")
        ),
        (3, 3)
    );
}

/// Bounds of moments instead of minutes.
fn quick() -> Bounds {
    Bounds {
        submit_timeout_ms: 300,
        denial: DenialTerms {
            denials_min: 3,
            span_ms: 600,
        },
        watch: Growing {
            first_ms: 0,
            max_ms: 1_000,
        },
        wake: Growing {
            first_ms: 0,
            max_ms: 1_000,
        },
        ..Bounds::default()
    }
}

/// The poller on these stores, with this provider.
fn poller(stores: &Stores, emulator: &Emulator) -> Watcher {
    let provider = Arc::new(provider(&emulator.base_url(), emulator.api_key()));
    let roles = Roles::over(stores);
    let context = Context {
        bounds: Arc::new(quick()),
        ..roles.context.clone()
    };
    Roles {
        context,
        provider,
        ..roles
    }
    .watcher()
}

/// Nothing but the intent was written, as when the gateway's environment ends there.
#[tokio::test]
async fn a_submit_cut_off_before_its_post_ends_when_the_provider_s_list_denies_it() {
    let ministack = Ministack::start().await;
    let aws = AwsStores::on(&ministack).await;
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let stores = aws.stores();
    let poller = poller(&stores, &emulator);
    let tenant = stores.funded(1).await;
    let task = stores
        .admit(Admission {
            watch_after_ms: 0,
            ..admission(&tenant)
        })
        .await
        .unwrap();

    let ended = eventually("the end of the task", || async {
        for lease in stores.queue.receive(Lane::Watch, 10, 5_000).await.unwrap() {
            poller.work(&lease).await.unwrap();
        }
        Some(stores.tasks.get(&tenant, &task.id).await.unwrap()).filter(|task| task.state.is_end())
    })
    .await;

    assert_eq!(ended.failure.unwrap().reason, "submit_lost");
    let account = stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        account,
        Account {
            available: PRICE,
            ..Account::default()
        }
    );
    let timeline = stores.tasks.timeline(&tenant, &task.id).await.unwrap();
    assert!(
        timeline
            .iter()
            .filter(|step| step.name == "not_listed")
            .count()
            >= 3,
        "{timeline:?}"
    );
    assert_eq!(emulator.request_count("submit"), 0);
}
