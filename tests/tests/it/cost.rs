//! The AWS calls of one task. Every task pays for them, so a test pins them; `infra/cost` prints
//! the price.

use std::collections::BTreeMap;

use fluxgate_tests::cost::{Asked, Counts, FUNCTIONS, LANES, Sweeps, Traffic, Units, Workload};

/// Calls, read units and write units of a task with an `Idempotency-Key` and one endpoint, whose
/// token the gateway does not know.
const CEILINGS: [(&str, &str, usize, f64, u64); 18] = [
    // The key, the tenant for the token and its prices, and the count of changes of whom the
    // token's issuer may speak for; then these, once for a count, and who wants to hear that the
    // task has started. And what its inputs are sealed with, unless that was read moments ago.
    ("gateway", "dynamodb:GetItem", 4, 2.0, 0),
    ("gateway", "dynamodb:Query", 2, 1.0, 0),
    // Task and hold.
    ("gateway", "dynamodb:TransactWriteItems", 1, 0.0, 4),
    // The key, then the claim of the run, and that it was accepted.
    ("gateway", "dynamodb:PutItem", 2, 0.0, 2),
    ("gateway", "dynamodb:UpdateItem", 1, 0.0, 1),
    ("gateway", "sqs:SendMessage", 1, 0.0, 0),
    ("receiver", "dynamodb:GetItem", 1, 0.5, 0),
    ("receiver", "sqs:SendMessage", 1, 0.0, 0),
    // The task, the tenant for its bucket, the endpoints to tell.
    // Two of them are the look at the tenant's money, once a batch.
    ("archiver", "dynamodb:GetItem", 4, 2.0, 0),
    ("archiver", "dynamodb:Query", 1, 1.0, 0),
    // Task and capture.
    ("archiver", "dynamodb:TransactWriteItems", 1, 0.0, 4),
    ("archiver", "sqs:SendMessage", 1, 0.0, 0),
    ("archiver", "s3:PutObject", 1, 0.0, 0),
    // The task, which lists the delivery, and whether that was tried; the endpoint; then how it
    // went.
    ("notifier", "dynamodb:BatchGetItem", 1, 0.5, 0),
    ("notifier", "dynamodb:GetItem", 2, 1.0, 0),
    ("notifier", "dynamodb:PutItem", 1, 0.0, 1),
    // The watch, when it finds the task over and its deliveries tried.
    ("poller", "dynamodb:GetItem", 1, 0.5, 0),
    ("poller", "dynamodb:BatchGetItem", 1, 0.5, 0),
];

/// With a tenant's first task of a month the key is put that its inputs are sealed with.
const MONTHLY: (&str, &str) = ("gateway", "dynamodb:PutItem");

/// Of all functions together, with one message in each batch: metrics, and a line for each of two
/// requests, three jobs and a task's end.
const METRIC_BYTES_MAX: usize = 1_450;
const LINE_BYTES_MAX: usize = 6 * 430;

const TASKS: usize = 2;

fn ceilings() -> BTreeMap<Asked, Units> {
    let ceiling = |(function, action, calls, read_units, write_units): (&str, &str, _, _, _)| {
        let asked = Asked {
            function: function.to_owned(),
            action: action.to_owned(),
        };
        (
            asked,
            Units {
                calls,
                read_units,
                write_units,
            },
        )
    };
    CEILINGS.map(ceiling).into()
}

fn within(counts: &Counts, ceilings: &BTreeMap<Asked, Units>) {
    for (asked, units) in &counts.calls {
        let most = ceilings.get(asked).copied().unwrap_or_default();
        let once = usize::from((&*asked.function, &*asked.action) == MONTHLY);
        let is_within = units.calls <= most.calls * counts.tasks + once
            && units.read_units <= most.read_units * counts.tasks as f64
            && units.write_units <= (most.write_units * counts.tasks as u64) + once as u64;
        assert!(
            is_within,
            "{asked:?} of {} tasks is {units:?}, and may be {most:?} of each",
            counts.tasks
        );
    }
}

#[tokio::test]
async fn a_task_asks_no_more_of_aws_than_it_did() {
    let workload = Workload::start(1).await;

    let counts = workload.run(TASKS, Traffic::Sparse, true).await;

    within(&counts, &ceilings());
    // A message for each lane; an invocation for each of them and for each of two HTTP requests,
    // unless they are batched.
    for (lane, function) in LANES {
        assert_eq!(counts.polled[lane].messages, TASKS, "{lane}");
        assert!(counts.invocations[function] <= TASKS, "{function}");
    }
    assert_eq!(
        (
            counts.invocations["gateway"],
            counts.invocations["receiver"]
        ),
        (TASKS, TASKS)
    );
    // The first look of a watch names no group.
    assert_eq!(
        (counts.fair_sends, counts.polled["watch"].fair),
        (2 * TASKS, 0)
    );
    let logs = FUNCTIONS.map(|name| counts.logs[name]);
    let told: usize = logs.iter().map(|log| log.told_bytes).sum();
    let metrics = logs.iter().map(|log| log.bytes).sum::<usize>() - told;
    assert!((1..=LINE_BYTES_MAX * TASKS).contains(&told), "{logs:?}");
    assert!(metrics <= METRIC_BYTES_MAX * TASKS, "{logs:?}");
}

#[tokio::test]
async fn a_task_without_a_key_asks_one_write_unit_and_half_a_read_less() {
    let workload = Workload::start(1).await;
    let mut ceilings = ceilings();
    for (action, less) in [
        (
            "dynamodb:GetItem",
            Units {
                calls: 1,
                read_units: 0.5,
                write_units: 0,
            },
        ),
        (
            "dynamodb:PutItem",
            Units {
                calls: 1,
                read_units: 0.0,
                write_units: 1,
            },
        ),
    ] {
        let asked = Asked {
            function: "gateway".to_owned(),
            action: action.to_owned(),
        };
        let most = ceilings.get_mut(&asked).unwrap();
        most.calls -= less.calls;
        most.read_units -= less.read_units;
        most.write_units -= less.write_units;
    }

    let counts = workload.run(TASKS, Traffic::Sparse, false).await;

    within(&counts, &ceilings);
}

/// A tenant with one task between two sweeps pays the sweep's own reads for it; with ten, most of
/// the price is that each is read once or twice.
#[tokio::test]
async fn a_task_s_share_of_its_tenant_s_sweeps_is_small() {
    for (density, sweeps, reads, writes) in [(1, 8, 2.5, 0.13), (10, 3, 0.7, 0.11)] {
        let shared = Sweeps::of(density, sweeps).await;

        assert!(shared.read_units() <= reads, "{shared:?}");
        assert!(shared.write_units() <= writes, "{shared:?}");
    }
}

/// Their jobs are gathered for a second, as the template has it, and copied side by side.
#[tokio::test]
async fn of_a_tenant_s_tasks_at_once_several_are_captured_by_one_transaction() {
    let workload = Workload::start(1).await;

    let counts = workload.run(8, Traffic::Busy, true).await;

    let asked = |action: &str| Asked {
        function: "archiver".to_owned(),
        action: format!("dynamodb:{action}"),
    };
    let transactions = counts.calls[&asked("TransactWriteItems")];
    assert!(transactions.calls < 8, "{transactions:?}");
    // Two for each task, and two for each write of the account.
    let units = 2 * 8 + 2 * transactions.calls as u64;
    assert_eq!(transactions.write_units, units);
    assert!(!counts.calls.contains_key(&asked("UpdateItem")));
}
