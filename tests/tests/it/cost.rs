//! The AWS calls of one task. Every task pays for them, so a test pins them; `infra/cost` prints
//! the price.

use std::collections::BTreeMap;

use fluxgate_tests::cost::{Asked, Counts, FUNCTIONS, LANES, Traffic, Units, Workload};

/// Calls, read units and write units of a task with an `Idempotency-Key` and one endpoint, whose
/// token the gateway does not know.
const CEILINGS: [(&str, &str, usize, f64, u64); 19] = [
    // The key, the tenant for its prices, the tenant for the token; then whom the token's issuer
    // may speak for, and who wants to hear that the task has started.
    ("gateway", "dynamodb:GetItem", 3, 1.5, 0),
    ("gateway", "dynamodb:Query", 2, 2.0, 0),
    // Task and hold.
    ("gateway", "dynamodb:TransactWriteItems", 1, 0.0, 4),
    // The key, then the claim of the run, and that it was accepted.
    ("gateway", "dynamodb:PutItem", 2, 0.0, 2),
    ("gateway", "dynamodb:UpdateItem", 1, 0.0, 1),
    ("gateway", "sqs:SendMessage", 1, 0.0, 0),
    ("receiver", "dynamodb:GetItem", 1, 0.5, 0),
    ("receiver", "dynamodb:UpdateItem", 1, 0.0, 1),
    ("receiver", "sqs:SendMessage", 1, 0.0, 0),
    // The task, the tenant for its bucket, the endpoints to tell.
    ("archiver", "dynamodb:GetItem", 2, 1.0, 0),
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
    ("poller", "dynamodb:GetItem", 2, 1.0, 0),
    ("poller", "dynamodb:BatchGetItem", 1, 0.5, 0),
];

/// Of all functions together, with one message in each batch.
const LOG_BYTES_MAX: usize = 1_200;

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
        let is_within = units.calls <= most.calls * counts.tasks
            && units.read_units <= most.read_units * counts.tasks as f64
            && units.write_units <= most.write_units * counts.tasks as u64;
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
    let logged: usize = FUNCTIONS.iter().map(|name| counts.logs[name].bytes).sum();
    assert!(logged <= LOG_BYTES_MAX * TASKS, "{:?}", counts.logs);
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
