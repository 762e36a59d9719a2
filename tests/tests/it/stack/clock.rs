//! A clock that is an hour off.

use fluxgate_tests::aws_calls::AwsClock;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Stack, eventually};

const HOUR_S: u32 = 3_600;
/// Who writes a line for each change, and none for each call.
const WATCH: &str = "fluxgate_aws::clock";
const BEHIND: &str = " s behind AWS's: ";
const AGREE: &str = "the clock of this machine and AWS's agree again";

fn told(stack: &Stack, function: &str, text: &str) -> usize {
    let log = stack.function(function).log();
    let own = log.lines().filter(|line| line.contains(WATCH));
    own.filter(|line| line.contains(text)).count()
}

#[tokio::test]
async fn functions_whose_clock_is_an_hour_off_work_on_and_say_so_once() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    stack.calls.set_clock(AwsClock::Ahead(HOUR_S));
    for key in ["first", "second"] {
        // Each client of AWS is refused once, and signs by AWS's clock from then on.
        let task = eventually("the submit", async || {
            let taken = tenant.submit_with_key(&inputs, key).await;
            (taken.status == 200).then(|| taken.text("/data/id"))
        })
        .await;
        assert_eq!(tenant.ended(&task).await["status"], "completed");
    }
    let off = told(&stack, "archiver", BEHIND);
    stack.calls.set_clock(AwsClock::Agrees);
    let task = tenant.submit(&inputs).await;

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(off, 1, "{}", stack.function("archiver").log());
    eventually("the end of it in the log", || async {
        (told(&stack, "archiver", AGREE) == 1).then_some(())
    })
    .await;
    assert_eq!(stack.emulator.runs().len(), 3);
    assert_eq!(tenant.balance_usd().await, 0.76);
}

#[tokio::test]
async fn a_tenant_gets_503_while_aws_refuses_signatures_of_another_time() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let (path, inputs) = (format!("/api/v3/{MODEL}"), tenant.inputs().await);
    tenant.submit(&inputs).await;

    stack.calls.set_clock(AwsClock::AheadAndDeaf(HOUR_S));
    let refused = tenant.post(&path, &inputs).await;
    stack.calls.set_clock(AwsClock::Agrees);
    let taken = tenant.post(&path, &inputs).await;

    assert_eq!(refused.status, 503, "{:?}", refused.body);
    assert_eq!(refused.text("/error_code"), "clock_skewed");
    assert!(refused.text("/message").contains("set it by NTP"));
    assert_eq!(taken.status, 200, "{:?}", taken.body);
    let processes = stack.function("gateway").processes();
    assert!((1..=processes).contains(&told(&stack, "gateway", BEHIND)));
}
