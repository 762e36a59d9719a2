//! What the table of transitions cannot say: runs found late, doubts, ends told once, tickets.

use State::{Admitted, Cancelled, Completed, Failed, Submitted, Submitting, Timeout, Unknown};

use super::every_signal_tests::{LATER, NOW, Row, TICKET, ended, output, run, signals, task_in};
use super::*;
use crate::base::labels::Labels;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;

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
    let read_at = later;
    let denied =
        |task: &Task, gap_ms| transition(task, Signal::Denied { read_at, gap_ms }, later).unwrap();

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
fn after_a_restore_a_submit_is_sought_from_the_backup_s_state_on_until_now() {
    let waiting = Task {
        ticket: Some(TICKET),
        ..task_in(Row::In(Admitted))
    };
    let denied = Task {
        doubt: task_in(Row::In(Unknown))
            .doubt
            .and_then(|doubt| doubt.denied(NOW, 1)),
        ..task_in(Row::In(Unknown))
    };
    for (task, begun) in [
        (waiting, Timestamp(1_000)),
        (task_in(Row::In(Submitting)), NOW),
        (denied, NOW),
    ] {
        let restored = transition(&task, Signal::Restored, LATER).unwrap().task;

        assert_eq!((restored.state, restored.since), (Unknown, LATER));
        assert_eq!(restored.doubt, Some(Doubt::since(begun)));
        assert_eq!((restored.ticket, restored.submits), (None, 1));
        assert!(transition(&restored, Signal::SubmitStarted, LATER).is_err());
    }
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
            callback: Some("https://shop.example/done".into()),
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
        for gone in ["example", "order", "\"text\"", "sha256"] {
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

fn run_archived(id: &str) -> Signal {
    Signal::RunArchived {
        ended: Box::new(ended(id)),
        outputs: vec![output()],
    }
}

#[test]
fn an_end_that_was_not_written_is_written_with_its_outputs_and_keeps_its_time() {
    let submitted = task_in(Row::In(Submitted));
    let supposed = ended("a").supposed(&submitted).unwrap();

    let change = transition(&submitted, run_archived("a"), LATER).unwrap();

    let steps: Vec<_> = change
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.at))
        .collect();
    assert_eq!(steps, [("finished", ended("a").at), ("archived", LATER)]);
    assert_eq!(change.steps[0].via, Some(Via::Webhook));
    assert_eq!(change.expected_version(), submitted.version);
    let task = &change.task;
    assert_eq!((task.completed_by, task.since), (Some(Via::Webhook), LATER));
    assert_eq!((&task.nsfw, task.inference_ms), (&vec![false], Some(7)));
    assert_eq!(task.outputs, [output()]);
    assert!(change.jobs.is_empty() && change.claim.is_none());
    let two_writes = transition(&supposed, signals()[15].clone(), LATER).unwrap();
    let versions = Task {
        version: task.version,
        ..two_writes.task
    };
    assert_eq!(*task, versions, "the same as by two changes");
}

/// A slot has to be given back when the run ends, and a run of which the task does not know has to
/// be claimed.
#[test]
fn an_end_is_written_before_its_outputs_unless_nothing_else_follows_from_it() {
    let submitted = task_in(Row::In(Submitted));
    let with_slot = Task {
        ticket: Some(Ticket {
            taken_at: Some(NOW),
            ..TICKET
        }),
        ..submitted.clone()
    };
    let mut without_outputs = ended("a");
    without_outputs.finished.sources.clear();

    assert!(ended("a").may_stay_unwritten(&submitted));
    assert!(!ended("a").may_stay_unwritten(&with_slot));
    assert!(!ended("b").may_stay_unwritten(&submitted));
    assert!(!without_outputs.may_stay_unwritten(&submitted));
    for row in [
        Row::In(State::Submitting),
        Row::In(State::Archiving),
        Row::In(Timeout),
    ] {
        assert!(ended("a").supposed(&task_in(row)).is_none(), "{row:?}");
    }
    let rejected = |task, id| {
        transition(task, run_archived(id), LATER)
            .unwrap_err()
            .rejection
    };
    assert_eq!(rejected(&with_slot, "a"), Rejection::NotNow);
    assert_eq!(rejected(&submitted, "b"), Rejection::OtherRun);
}
