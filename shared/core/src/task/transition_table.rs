//! Every cell of the table: nine states, fifteen signals.

use State::{Admitted, Archiving, Cancelled, Completed, Failed, Submitted, Submitting, Timeout, Unknown};

use super::*;
use crate::money::Settlement;

/// What a cell must hold.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    To(State),
    Same,
    No(Rejection),
}

const PRICE: MicroUsd = MicroUsd(80_000);
const NOW: Timestamp = Timestamp(2_000);
const TURN: Turn = Turn { ticket: 7, weight: 1, taken_at: None };

fn run(text: &str) -> UpstreamId {
    UpstreamId::parse(text).unwrap()
}

/// A task as it comes to stand in `state` on the straight way through the machine.
fn task_in(state: State) -> Task {
    let new = NewTask {
        tenant: TenantId::parse("acme").unwrap(),
        id: TaskId::parse(&"0".repeat(32)).unwrap(),
        model: ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap(),
        price: PRICE,
        cost: MicroUsd(60_000),
        outputs_asked: 1,
        makes: None,
        callback: None,
    };
    let admitted = Task::admitted(new, Timestamp(1_000));
    let path: &[usize] = match state {
        Admitted => &[],
        Submitting => &[0],
        Unknown => &[0, 3],
        Submitted => &[0, 4],
        Archiving => &[0, 4, 5],
        Completed => &[0, 4, 5, 8],
        Failed => &[0, 2],
        Cancelled => &[10],
        Timeout => &[9],
    };
    path.iter().fold(admitted, |task, index| transition(&task, signals()[*index].clone(), NOW).unwrap().task)
}

fn signals() -> Vec<Signal> {
    let failure = || Failure::new(5000, "internal", "text");
    let finished = |id: &str| {
        Signal::Finished(Finished {
            upstream: run(id),
            via: Via::Webhook,
            sources: vec!["https://cdn.example/1.png".to_owned()],
            nsfw: vec![false],
            inference_ms: Some(7),
        })
    };
    let failed = |id: &str| Signal::UpstreamFailed {
        upstream: run(id),
        via: Via::Poll,
        end: UpstreamEnd::Failed,
        failure: failure(),
    };
    vec![
        Signal::SubmitStarted,
        Signal::SubmitDeferred { reason: "429".to_owned(), after_ms: None },
        Signal::SubmitRefused(failure()),
        Signal::SubmitAmbiguous { reason: "time-out".to_owned() },
        Signal::Accepted { upstream: run("a"), via: Via::Submit },
        finished("a"),
        failed("a"),
        finished("b"),
        Signal::Archived { outputs: vec![] },
        Signal::GaveUp(failure()),
        Signal::Cancel,
        Signal::Queued(TURN),
        Signal::TurnCame(TURN),
        Signal::Denied { gap_ms: 1 },
        Signal::Announced,
    ]
}

#[test]
fn every_cell_of_the_table_is_as_designed() {
    let no = Cell::No(Rejection::NotNow);
    let orphan = Cell::No(Rejection::Orphan);
    let other = Cell::No(Rejection::OtherRun);
    let arch = Cell::To(Archiving);
    let fail = Cell::To(Failed);
    let same = Cell::Same;
    let to = Cell::To;
    #[rustfmt::skip]
    let table: [(State, [Cell; 15]); 9] = [
        //            started         deferred      refused ambiguous    accepted       done a  fail a  done b  archived       gave up      cancel         queued        turn came        denied      announced
        (Admitted,   [to(Submitting), no,           no,     no,          to(Submitted), arch,   fail,   arch,   no,            to(Timeout), to(Cancelled), to(Admitted), to(Submitting), no, no]),
        (Submitting, [no,             to(Admitted), fail,   to(Unknown), to(Submitted), arch,   fail,   arch,   no,            no,          no,          no,           no, no, no]),
        (Unknown,    [no,             to(Admitted), fail,   same,        to(Submitted), arch,   fail,   arch,   no,            fail,        no,          no,           no, to(Unknown), no]),
        (Submitted,  [no,             no,           no,     no,          same,          arch,   fail,   other,  no,            to(Timeout), no,          no,           no, no, no]),
        (Archiving,  [no,             no,           no,     no,          same,          same,   same,   other,  to(Completed), fail,        no,          no,           no, no, no]),
        (Completed,  [no,             no,           no,     no,          same,          same,   same,   other,  same,          no,          no,          no,           no, no, same]),
        (Failed,     [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,            no,          no,          no,           no, no, same]),
        (Cancelled,  [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,            no,          same,          no,           no, no, same]),
        (Timeout,    [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,            no,          no,          no,           no, no, same]),
    ];

    for (state, row) in table {
        let task = task_in(state);
        assert_eq!(task.state, state);
        for (signal, cell) in signals().into_iter().zip(row) {
            let got = transition(&task, signal.clone(), NOW);
            check(&task, &got, cell, &format!("{state:?} × {signal:?}"));
        }
    }
}

fn check(task: &Task, got: &Result<Change, Rejected>, cell: Cell, at: &str) {
    match (got, cell) {
        (Ok(change), Cell::To(state)) => {
            assert_eq!(change.task.state, state, "{at}");
            assert_eq!(change.task.version, task.version + 1, "{at}");
            assert_eq!(change.steps.len(), 1, "{at}");
            assert_eq!(change.money, expected_money(state), "{at}");
            assert_eq!(change.task.since, NOW, "{at}");
        }
        (Ok(change), Cell::Same) => {
            assert!(change.is_duplicate(), "{at}");
            assert_eq!(&change.task, task, "{at}");
            assert!(change.money.is_none() && change.jobs.is_empty(), "{at}");
        }
        (Err(rejected), Cell::No(rejection)) => assert_eq!(rejected.rejection, rejection, "{at}"),
        _ => panic!("{at}: {got:?} is not {cell:?}"),
    }
}

/// A hold is settled exactly when the task ends.
fn expected_money(state: State) -> Option<Settlement> {
    match state {
        Completed => Some(Settlement::capture(PRICE)),
        Failed | Cancelled | Timeout => Some(Settlement::release(PRICE)),
        _ => None,
    }
}

#[test]
fn a_run_found_after_it_timed_out_here_is_an_orphan_only_when_its_end_comes() {
    let submitted = task_in(Submitted);
    let timed_out = transition(&submitted, Signal::GaveUp(Failure::new(5004, "timeout", "text")), NOW).unwrap().task;

    let accepted = transition(&timed_out, Signal::Accepted { upstream: run("a"), via: Via::Reconcile }, NOW);
    let finished = transition(&timed_out, signals()[5].clone(), NOW);

    assert!(accepted.unwrap().is_duplicate());
    assert_eq!(finished.unwrap_err().rejection, Rejection::Orphan);
}

#[test]
fn a_finished_run_sends_the_archive_job_with_the_change() {
    let change = transition(&task_in(Submitted), signals()[5].clone(), NOW).unwrap();

    assert_eq!(change.jobs.len(), 1);
    assert_eq!(change.jobs[0].job.lane(), crate::job::Lane::Archive);
}

#[test]
fn a_denial_is_counted_without_making_the_doubt_a_new_one() {
    let unknown = task_in(Unknown);
    let later = Timestamp(NOW.0 + 60_000);
    let denied = |task: &Task, gap_ms| transition(task, Signal::Denied { gap_ms }, later).unwrap();

    let once = denied(&unknown, 1_000).task;
    let found = transition(&once, signals()[4].clone(), later).unwrap().task;

    assert_eq!((once.state, once.since, once.version), (Unknown, NOW, unknown.version + 1));
    let doubt = once.doubt.unwrap();
    assert_eq!((doubt.begun, doubt.denials, doubt.first), (NOW, 1, later));
    assert!(denied(&once, 1_000).is_duplicate(), "two looks at one moment are one");
    assert_eq!(found.doubt, None);
}

#[test]
fn an_end_that_was_not_told_is_told_once_and_stays_the_end_that_it_was() {
    for state in [Completed, Failed, Cancelled, Timeout] {
        let untold = Task { untold: true, ..task_in(state) };

        let change = transition(&untold, Signal::Announced, Timestamp(9_000)).unwrap();

        let told = Task { untold: false, version: untold.version + 1, ..untold.clone() };
        assert_eq!((&change.task, change.money, change.task.since), (&told, None, NOW), "{state:?}");
        assert_eq!(change.steps, [Step::new(Timestamp(9_000), "announced")]);
        assert!(transition(&told, Signal::Announced, NOW).unwrap().is_duplicate(), "{state:?}");
    }
}

#[test]
fn a_turn_is_kept_until_the_run_is_over_and_no_longer() {
    let taken = Turn { taken_at: Some(NOW), ..TURN };
    let queued = transition(&task_in(Admitted), Signal::Queued(TURN), NOW).unwrap().task;
    let submitting = transition(&queued, Signal::TurnCame(taken), NOW).unwrap().task;
    let deferred = transition(&submitting, signals()[1].clone(), NOW).unwrap().task;
    let again = transition(&deferred, Signal::SubmitStarted, NOW).unwrap().task;
    let submitted = transition(&again, signals()[4].clone(), NOW).unwrap().task;

    assert_eq!(queued.turn, Some(TURN));
    for task in [&submitting, &deferred, &again, &submitted] {
        assert_eq!(task.turn, Some(taken), "{:?}", task.state);
    }
    for (task, signal) in [(&submitted, 5), (&submitted, 6), (&submitting, 2), (&submitted, 9), (&queued, 10)] {
        assert_eq!(transition(task, signals()[signal].clone(), NOW).unwrap().task.turn, None);
    }
}
