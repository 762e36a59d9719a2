//! Every state under every signal, each cell written out.

use super::*;
use crate::base::time::Timestamp;

const NOW: Timestamp = Timestamp(1_000_000);
const LATER: Timestamp = Timestamp(1_005_000);

fn attempt(status: u16) -> Attempt {
    Attempt {
        at: NOW,
        duration_ms: 3,
        status: Some(status),
        class: ErrorClass::of_status(status),
        error: None,
        body: None,
        location: None,
        retry_after: None,
    }
}

/// In its second round, after one attempt.
fn delivery(state: DeliveryState) -> Delivery {
    let task = TaskId::parse(&"a".repeat(32)).unwrap();
    Delivery {
        tenant: TenantId::parse("acme").unwrap(),
        id: DeliveryId::of(&task, 0),
        version: 7,
        task: Some(task),
        event: EventType::TaskCompleted,
        target: Target::TaskCallback,
        state,
        pull: false,
        round: 1,
        next_at: None,
        attempting_until: None,
        attempts: vec![attempt(500)],
        attempts_forgotten: 0,
        attempts_before: 0,
        created_at: NOW,
    }
}

fn attempting(state: DeliveryState) -> Delivery {
    Delivery {
        attempting_until: Some(LATER),
        ..delivery(state)
    }
}

fn attempted(round: u32, status: u16, next: Next) -> DeliverySignal {
    DeliverySignal::Attempted {
        round,
        attempt: attempt(status),
        next,
    }
}

fn begin(round: u32) -> DeliverySignal {
    DeliverySignal::Begin {
        round,
        until: LATER,
    }
}

/// What a cell says: the state after it with the steps of the round, or why there is none.
type Cell = Result<(DeliveryState, u32), Rejected>;

fn cell(delivery: &Delivery, signal: &DeliverySignal) -> Cell {
    let after = transition(delivery, signal.clone(), NOW)?;
    assert_eq!(after.version, delivery.version + 1);
    Ok((after.state, after.round - delivery.round))
}

use DeliveryState::{Cancelled, Delivered, Exhausted, Held, Pending};
use Rejected::{Busy, Early, Over, Stale, Unchanged};

/// The states in the order of [`DeliveryState::ALL`]: pending, delivered, exhausted, held,
/// cancelled.
fn table() -> Vec<(DeliverySignal, [Cell; 5])> {
    let to = |state| Ok((state, 1));
    let no = Err;
    let ended = [
        to(Cancelled),
        no(Over),
        no(Over),
        to(Cancelled),
        no(Unchanged),
    ];
    vec![
        (
            begin(1),
            [stays(Pending), no(Stale), no(Stale), no(Stale), no(Stale)],
        ),
        (begin(0), [no(Stale); 5]),
        (begin(2), [no(Early); 5]),
        (attempted(1, 204, Next::Delivered), [to(Delivered); 5]),
        (attempted(0, 204, Next::Delivered), [to(Delivered); 5]),
        (attempted(1, 500, Next::RetryAt(LATER)), first(to(Pending))),
        (attempted(1, 500, Next::Exhausted), first(to(Exhausted))),
        (attempted(1, 410, Next::Hold), first(to(Held))),
        (attempted(0, 500, Next::Exhausted), first(stays(Pending))),
        (
            DeliverySignal::Acknowledge,
            [
                to(Delivered),
                no(Unchanged),
                no(Over),
                to(Delivered),
                no(Over),
            ],
        ),
        (
            DeliverySignal::Hold,
            [to(Held), no(Over), no(Over), no(Unchanged), no(Over)],
        ),
        (
            DeliverySignal::Release,
            [no(Unchanged), no(Over), no(Over), to(Pending), no(Over)],
        ),
        (DeliverySignal::Replay, [to(Pending); 5]),
        (DeliverySignal::Cancel, ended),
        (DeliverySignal::Drop, ended),
        // Nothing was said.
        (DeliverySignal::Erase, [no(Unchanged); 5]),
    ]
}

fn stays(state: DeliveryState) -> Cell {
    Ok((state, 0))
}

/// The first cell, and beside it states that an attempt is written down in and does not move.
fn first(pending: Cell) -> [Cell; 5] {
    let [_, others @ ..] = DeliveryState::ALL.map(stays);
    let [delivered, exhausted, held, cancelled] = others;
    [pending, delivered, exhausted, held, cancelled]
}

#[test]
fn every_cell_is_as_written() {
    for (signal, cells) in table() {
        for (state, expected) in DeliveryState::ALL.into_iter().zip(cells) {
            assert_eq!(
                cell(&delivery(state), &signal),
                expected,
                "{state:?} {signal:?}"
            );
        }
    }
}

#[test]
fn while_an_attempt_is_under_way_nothing_but_its_end_moves_the_delivery() {
    for (signal, cells) in table() {
        let expected = match (&signal, cells[0]) {
            (DeliverySignal::Attempted { .. }, cell) => cell,
            (_, Err(rejected)) => Err(rejected),
            (_, Ok(_)) => Err(Busy),
        };
        assert_eq!(cell(&attempting(Pending), &signal), expected, "{signal:?}");
    }
    // Its worker died: after the bound it is nobody's.
    let abandoned = Delivery {
        attempting_until: Some(NOW),
        ..delivery(Pending)
    };
    assert_eq!(cell(&abandoned, &begin(1)), Ok((Pending, 0)));
    assert_eq!(cell(&abandoned, &DeliverySignal::Replay), Ok((Pending, 1)));
}

#[test]
fn a_replay_is_due_now_and_its_schedule_begins_anew() {
    let replayed = transition(&delivery(Exhausted), DeliverySignal::Replay, NOW).unwrap();

    assert_eq!(replayed.attempts_of_schedule(), 0);
    assert_eq!(
        (replayed.attempts_made(), replayed.job(NOW).after_ms),
        (1, 0)
    );
    assert_eq!(replayed.event_id(), delivery(Exhausted).event_id());
    assert_eq!(replayed.created_at, NOW);
}

#[test]
fn a_retry_is_due_when_it_was_put_off_to_and_names_its_round() {
    let signal = attempted(1, 500, Next::RetryAt(LATER));
    let after = transition(&attempting(Pending), signal, NOW).unwrap();

    assert_eq!(
        (after.attempts_of_schedule(), after.attempting_until),
        (2, None)
    );
    let job = after.job(NOW);
    assert_eq!(job.after_ms, 5_000);
    assert!(matches!(job.job, Job::Deliver { round: 2, .. }));
}

#[test]
fn the_last_twenty_attempts_are_kept_and_all_are_counted() {
    let mut delivery = delivery(Pending);
    for _ in 0..30 {
        let signal = attempted(delivery.round, 503, Next::RetryAt(LATER));
        delivery = transition(&delivery, signal, NOW).unwrap();
    }

    assert_eq!(delivery.attempts.len(), ATTEMPTS_KEPT);
    assert_eq!(
        (delivery.attempts_made(), delivery.attempts_of_schedule()),
        (31, 31)
    );
}

#[test]
fn what_a_receiver_said_is_erased_in_every_state_and_nothing_else_changes() {
    for state in DeliveryState::ALL {
        let said = Delivery {
            attempts: vec![Attempt {
                body: Some("Jane Roe is unknown".to_owned()),
                error: Some("the receiver answered 500".to_owned()),
                ..attempt(500)
            }],
            ..delivery(state)
        };

        let erased = transition(&said, DeliverySignal::Erase, NOW).unwrap();

        let expected = Delivery {
            version: 8,
            ..delivery(state)
        };
        assert_eq!(erased, expected);
        let attempting = Delivery {
            attempting_until: Some(LATER),
            ..said
        };
        let busy = transition(&attempting, DeliverySignal::Erase, NOW);
        assert_eq!(busy, Err(Busy), "{state:?}");
    }
}

#[test]
fn what_is_read_has_no_job() {
    let read = Delivery {
        pull: true,
        ..delivery(Pending)
    };

    assert_eq!(read.next_job(NOW), None);
    assert!(delivery(Pending).next_job(NOW).is_some());
    assert_eq!(delivery(Held).next_job(NOW), None);
}

#[test]
fn a_record_of_an_earlier_release_is_read() {
    let task = "a".repeat(32);
    let stored = format!(
        r#"{{"tenant":"acme","id":"{task}-00","version":2,"task":"{task}","event":"task.failed",
        "target":"task_callback","state":"pending","created_at":5,
        "attempts":[{{"at":6,"duration_ms":1,"status":500,"error":"the receiver answered 500"}}]}}"#
    );

    let read: Delivery = serde_json::from_str(&stored).unwrap();

    assert_eq!((read.round, read.attempts_of_schedule()), (0, 1));
    assert_eq!(read.event_id().as_str(), format!("evt_{task}"));
}
