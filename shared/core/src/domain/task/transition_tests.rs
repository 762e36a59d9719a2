//! What the table of transitions cannot say: runs found late, doubts, ends told once, tickets.

use State::{Admitted, Cancelled, Completed, Failed, Submitted, Timeout, Unknown};

use super::every_signal_tests::{LATER, NOW, Row, TICKET, run, signals, task_in};
use super::*;
use crate::base::labels::Labels;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;
use crate::domain::webhook::CallbackUrl;

#[test]
fn what_happens_to_outputs_later_leaves_the_moment_of_the_charge() {
    let task = task_in(Row::Unarchived);

    for signal in &signals()[15..] {
        if let Ok(change) = transition(&task, signal.clone(), LATER) {
            assert_eq!(change.task.since, task.since, "{signal:?}");
        }
    }
}

#[test]
fn a_run_found_after_it_timed_out_here_is_an_orphan_only_when_its_end_comes() {
    let submitted = task_in(Row::In(Submitted));
    let timed_out = transition(
        &submitted,
        Signal::GaveUp(Failure::new(5004, "timeout", "text")),
        NOW,
    )
    .unwrap()
    .task;

    let accepted = transition(
        &timed_out,
        Signal::Accepted {
            run: run("a"),
            via: Via::Resolve,
        },
        NOW,
    );
    let finished = transition(&timed_out, signals()[5].clone(), NOW);

    assert!(accepted.unwrap().is_duplicate());
    assert_eq!(finished.unwrap_err().rejection, Rejection::Orphan);
}

#[test]
fn a_finished_run_sends_the_archive_job_with_the_change() {
    let change = transition(&task_in(Row::In(Submitted)), signals()[5].clone(), NOW).unwrap();

    assert_eq!(change.jobs.len(), 1);
    assert_eq!(
        change.jobs[0].job.lane(),
        crate::domain::task::Lane::Archive
    );
}

#[test]
fn a_denial_is_counted_without_making_the_doubt_a_new_one() {
    let unknown = task_in(Row::In(Unknown));
    let later = Timestamp(NOW.0 + 60_000);
    let denied = |task: &Task, gap_ms| transition(task, Signal::Denied { gap_ms }, later).unwrap();

    let once = denied(&unknown, 1_000).task;
    let found = transition(&once, signals()[4].clone(), later).unwrap().task;

    assert_eq!(
        (once.state, once.since, once.version),
        (Unknown, NOW, unknown.version + 1)
    );
    let doubt = once.doubt.unwrap();
    assert_eq!((doubt.begun, doubt.denials, doubt.first), (NOW, 1, later));
    assert!(
        denied(&once, 1_000).is_duplicate(),
        "two looks at one moment are one"
    );
    assert_eq!(found.doubt, None);
}

#[test]
fn an_end_that_was_not_told_is_told_once_and_stays_the_end_that_it_was() {
    for state in [Completed, Failed, Cancelled, Timeout] {
        let untold = Task {
            untold: true,
            ..task_in(Row::In(state))
        };

        let change = transition(&untold, Signal::Announced, Timestamp(9_000)).unwrap();

        let told = Task {
            untold: false,
            version: untold.version + 1,
            ..untold.clone()
        };
        assert_eq!(
            (&change.task, change.money, change.task.since),
            (&told, None, NOW),
            "{state:?}"
        );
        assert_eq!(change.steps, [Step::new(Timestamp(9_000), "announced")]);
        assert!(
            transition(&told, Signal::Announced, NOW)
                .unwrap()
                .is_duplicate(),
            "{state:?}"
        );
    }
}

#[test]
fn a_turn_is_kept_until_the_run_is_over_and_no_longer() {
    let taken = Ticket {
        taken_at: Some(NOW),
        ..TICKET
    };
    let queued = transition(&task_in(Row::In(Admitted)), Signal::Queued(TICKET), NOW)
        .unwrap()
        .task;
    let submitting = transition(&queued, Signal::SlotGranted(taken), NOW)
        .unwrap()
        .task;
    let deferred = transition(&submitting, signals()[1].clone(), NOW)
        .unwrap()
        .task;
    let again = transition(&deferred, Signal::SubmitStarted, NOW)
        .unwrap()
        .task;
    let submitted = transition(&again, signals()[4].clone(), NOW).unwrap().task;

    assert_eq!(queued.ticket, Some(TICKET));
    for task in [&submitting, &deferred, &again, &submitted] {
        assert_eq!(task.ticket, Some(taken), "{:?}", task.state);
    }
    for (task, signal) in [
        (&submitted, 5),
        (&submitted, 6),
        (&submitting, 2),
        (&submitted, 8),
        (&queued, 9),
    ] {
        assert_eq!(
            transition(task, signals()[signal].clone(), NOW)
                .unwrap()
                .task
                .ticket,
            None
        );
    }
}

#[test]
fn a_deletion_leaves_what_the_books_need_and_nothing_of_what_the_task_was_about() {
    for row in [Row::In(Completed), Row::Unarchived, Row::In(Failed)] {
        let task = Task {
            untold: true,
            metadata: Labels::new([("order".to_owned(), "42".to_owned())].into()).unwrap(),
            callback: Some(CallbackUrl::parse("https://shop.example/done").unwrap()),
            ..task_in(row)
        };

        let change = transition(&task, Signal::Delete, LATER).unwrap();

        let after = &change.task;
        let books = |task: &Task| {
            let (charged, run, made) = (task.charged, task.run.clone(), task.outputs_made());
            (task.state, task.since, task.price, charged, run, made)
        };
        assert_eq!(books(after), books(&task), "{row:?}");
        assert!(change.jobs.is_empty() && change.deliveries.is_empty());
        assert!(!after.untold, "nobody is told of what was deleted");
        let left = serde_json::to_string(after).unwrap();
        for gone in ["example", "order", "0.png", "\"text\"", "sha256"] {
            assert!(!left.contains(gone), "{row:?}: {gone} is left in {left}");
        }
    }
}

#[test]
fn of_a_deleted_task_s_timeline_only_the_name_of_an_orphaned_run_keeps_its_detail() {
    let step = |name| Step::new(NOW, name).detail("provider run r1");

    assert_eq!(
        step("submit_refused").erased(),
        Step::new(NOW, "submit_refused")
    );
    assert_eq!(step(ORPHANED).erased(), step(ORPHANED));
}
