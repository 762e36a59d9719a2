//! Submits of which nobody knows at first whether they were taken, on AWS: one paid run, one capture, no second POST.

use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{Stack, StackOptions, TestTenant};
use serde_json::Value;
use tokio::task::JoinHandle;

/// The ways in which an answer is lost although the run was taken, each for the submit that comes next.
fn hung_up() -> Faults {
    Faults { hang_up_after_accept: Fault::Times(1), ..Faults::default() }
}

fn said_500() -> Faults {
    Faults { error_500_after_accept: Fault::Times(1), ..Faults::default() }
}

/// Longer than the gateway waits for the vendor.
fn timed_out() -> Faults {
    Faults { hang_after_accept_ms: 45_000, ..Faults::default() }
}

struct Doubtful {
    tenant: TestTenant,
    inputs: Value,
    key: &'static str,
    submit: JoinHandle<String>,
}

/// Submits under a fault; returns when the vendor has taken the run.
async fn submit(stack: &Stack, name: &'static str, faults: Faults) -> Doubtful {
    let tenant = stack.tenant(name, "1").await;
    let mut inputs = tenant.inputs().await;
    // Alike inputs could be taken for each other's.
    inputs["prompt"] = name.into();
    let runs = stack.emulator.runs().len();
    stack.emulator.set_faults(faults);
    let (caller, body) = (tenant.clone(), inputs.clone());
    let submit = tokio::spawn(async move {
        let answer = caller.submit_with_key(&body, name).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.text("/data/id")
    });
    fluxgate_tests::eventually("the run", || async { (stack.emulator.runs().len() > runs).then_some(()) }).await;
    Doubtful { tenant, inputs, key: name, submit }
}

impl Doubtful {
    async fn was_paid_once(self, by: &str) {
        let task = self.submit.await.unwrap();
        let prediction = self.tenant.ended(&task).await;
        assert_eq!(prediction["status"], "completed", "{prediction}");
        assert_eq!(self.tenant.timeline(&task).await["completed_by"], by, "{}", self.key);
        let again = self.tenant.submit_with_key(&self.inputs, self.key).await;
        assert_eq!((again.status.as_u16(), again.text("/data/id")), (200, task));
        assert_eq!(self.tenant.balance_usd().await, 0.92);
    }
}

#[tokio::test]
async fn the_webhook_proves_the_run_whatever_became_of_the_answer() {
    let stack = Stack::start().await;
    let mut doubtful = Vec::new();
    for (name, faults) in [("hung-up", hung_up()), ("said-500", said_500()), ("timed-out", timed_out())] {
        doubtful.push(submit(&stack, name, faults).await);
    }
    stack.emulator.set_faults(Faults::default());

    for doubtful in doubtful {
        doubtful.was_paid_once("webhook").await;
    }

    assert_eq!((stack.emulator.runs().len(), stack.emulator.request_count("submit")), (3, 3));
}

#[tokio::test]
async fn without_the_webhook_the_run_is_found_in_the_vendor_s_list() {
    let emulator =
        EmulatorConfig { faults: Faults { webhook_lost: Fault::Always, ..Faults::default() }, ..emulator_config() };
    let stack = Stack::with(StackOptions { emulator, ..StackOptions::default() }).await;
    let lost = |faults: Faults| Faults { webhook_lost: Fault::Always, ..faults };
    let hung_up = submit(&stack, "hung-up", lost(hung_up())).await;
    let said_500 = submit(&stack, "said-500", lost(said_500())).await;

    hung_up.was_paid_once("reconcile").await;
    said_500.was_paid_once("reconcile").await;

    assert_eq!((stack.emulator.runs().len(), stack.emulator.request_count("submit")), (2, 2));
}
