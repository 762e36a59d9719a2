//! Every cell of the table: nine states and three that a state may be within, twenty-two signals.

use State::{
    Admitted, Archiving, Cancelled, Completed, Failed, Submitted, Submitting, Timeout, Unknown,
};

use super::*;
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;
use crate::domain::money::{MicroUsd, Settlement};

/// What a cell must hold.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    To(State),
    /// A change within the state.
    Stays,
    Same,
    No(Rejection),
}

/// Where a task stands: its state, and what is the matter with its outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Row {
    In(State),
    /// Archiving, while the provider is asked for fresh links.
    Waiting,
    /// Completed, with links in place of outputs.
    Unarchived,
    /// The same, while the provider is asked for fresh ones.
    UnarchivedWaiting,
}

const PRICE: MicroUsd = MicroUsd(80_000);
const NOW: Timestamp = Timestamp(2_000);
const LATER: Timestamp = Timestamp(3_000);
const TICKET: Ticket = Ticket {
    number: 7,
    weight: 1,
    taken_at: None,
};

fn run(text: &str) -> RunId {
    RunId::parse(text).unwrap()
}

/// A task as it comes to stand there on the straight way through the machine.
fn task_in(row: Row) -> Task {
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
    let path: &[usize] = match row {
        Row::In(Admitted) => &[],
        Row::In(Submitting) => &[0],
        Row::In(Unknown) => &[0, 3],
        Row::In(Submitted) => &[0, 4],
        Row::In(Archiving) => &[0, 4, 5],
        Row::In(Completed) => &[0, 4, 5, 15],
        Row::In(Failed) => &[0, 2],
        Row::In(Cancelled) => &[9],
        Row::In(Timeout) => &[8],
        Row::Waiting => &[0, 4, 5, 19],
        Row::Unarchived => &[0, 4, 5, 17],
        Row::UnarchivedWaiting => &[0, 4, 5, 17, 19],
    };
    path.iter().fold(admitted, |task, index| {
        transition(&task, signals()[*index].clone(), NOW)
            .unwrap()
            .task
    })
}

pub(super) fn output() -> Output {
    let text = |text: &str| text.to_owned();
    Output {
        bucket: text("b"),
        key: text("0.png"),
        sha256: text("00"),
        bytes: 1,
        content_type: text("image/png"),
    }
}

/// Fifteen of runs, seven of outputs.
fn signals() -> Vec<Signal> {
    let failure = || Failure::new(5000, "internal", "text");
    let finished = |id: &str| {
        Signal::Finished(Finished {
            run: run(id),
            via: Via::Webhook,
            sources: vec!["https://cdn.example/1.png".to_owned()],
            nsfw: vec![false],
            inference_ms: Some(7),
            note: None,
        })
    };
    let failed = |id: &str| Signal::RunFailed {
        run: run(id),
        via: Via::Poll,
        end: RunEnd::Failed,
        failure: failure(),
    };
    vec![
        Signal::SubmitStarted,
        Signal::SubmitDeferred {
            reason: "429".to_owned(),
            after_ms: None,
        },
        Signal::SubmitRefused(failure()),
        Signal::SubmitAmbiguous {
            reason: "time-out".to_owned(),
        },
        Signal::Accepted {
            run: run("a"),
            via: Via::Submit,
        },
        finished("a"),
        failed("a"),
        finished("b"),
        Signal::GaveUp(failure()),
        Signal::Cancel,
        Signal::Queued(TICKET),
        Signal::SlotGranted(TICKET),
        Signal::Denied { gap_ms: 1 },
        Signal::Announced,
        Signal::InputsUploaded {
            uploads: vec![InputUpload {
                field: "image".to_owned(),
                url: "https://cdn.example/0.png".to_owned(),
            }],
        },
        Signal::Archived {
            outputs: vec![output()],
        },
        Signal::Copied {
            copies: vec![Copied {
                n: 0,
                output: output(),
            }],
        },
        Signal::ArchiveAbandoned {
            fault: failure(),
            expires_at: Timestamp(9_000),
        },
        Signal::ArchiveAsked { over: None },
        Signal::LinksFailed {
            again: false,
            reason: "404".to_owned(),
        },
        Signal::Refreshed {
            sources: vec!["https://cdn.example/2.png".to_owned()],
        },
        Signal::OutputsGone(failure()),
    ]
}

const NO: Cell = Cell::No(Rejection::NotNow);

#[test]
fn every_cell_of_the_signals_about_runs_is_as_designed() {
    let no = NO;
    let orphan = Cell::No(Rejection::Orphan);
    let other = Cell::No(Rejection::OtherRun);
    let arch = Cell::To(Archiving);
    let fail = Cell::To(Failed);
    let same = Cell::Same;
    let to = Cell::To;
    let on = Row::In;
    #[rustfmt::skip]
    let table: [(Row, [Cell; 15]); 12] = [
        // started         deferred      refused ambiguous    accepted       done a  fail a  done b
        // gave up      cancel         queued        ticket came        denied      announced
        // uploaded
        (on(Admitted),           [to(Submitting), no,           no,     no,          to(Submitted), arch,   fail,   arch,   to(Timeout), to(Cancelled), Cell::Stays,  to(Submitting), no, no, no]),
        (on(Submitting),         [no,             to(Admitted), fail,   to(Unknown), to(Submitted), arch,   fail,   arch,   no,          no,          no,           no, no, no, Cell::Stays]),
        (on(Unknown),            [no,             to(Admitted), fail,   same,        to(Submitted), arch,   fail,   arch,   fail,        no,          no,           no, Cell::Stays, no, no]),
        (on(Submitted),          [no,             no,           no,     no,          same,          arch,   fail,   other,  to(Timeout), no,          no,           no, no, no, no]),
        (on(Archiving),          [no,             no,           no,     no,          same,          same,   same,   other,  fail,        no,          no,           no, no, no, no]),
        (Row::Waiting,           [no,             no,           no,     no,          same,          same,   same,   other,  fail,        no,          no,           no, no, no, no]),
        (on(Completed),          [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (Row::Unarchived,        [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (Row::UnarchivedWaiting, [no,             no,           no,     no,          same,          same,   same,   other,  no,          no,          no,           no, no, same, no]),
        (on(Failed),             [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          no,          no,           no, no, same, no]),
        (on(Cancelled),          [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          same,        no,           no, no, same, no]),
        (on(Timeout),            [no,             no,           no,     no,          orphan,        orphan, orphan, orphan, no,          no,          no,           no, no, same, no]),
    ];

    for (row, cells) in table {
        check_row(row, &signals()[..15], &cells);
    }
}

#[test]
fn every_cell_of_the_signals_about_outputs_is_as_designed() {
    let (no, same, stay, done) = (NO, Cell::Same, Cell::Stays, Cell::To(Completed));
    let on = Row::In;
    #[rustfmt::skip]
    let table: [(Row, [Cell; 7]); 12] = [
        //                        archived copied abandoned asked links failed refreshed gone
        (on(Admitted),           [no,      no,    no,       no,   no,          no,       no]),
        (on(Submitting),         [no,      no,    no,       no,   no,          no,       no]),
        (on(Unknown),            [no,      no,    no,       no,   no,          no,       no]),
        (on(Submitted),          [no,      no,    no,       no,   no,          no,       no]),
        (on(Archiving),          [done,    stay,  done,     no,   stay,        same,     Cell::To(Failed)]),
        (Row::Waiting,           [done,    stay,  done,     no,   same,        stay,     Cell::To(Failed)]),
        (on(Completed),          [same,    no,    no,       no,   no,          no,       no]),
        (Row::Unarchived,        [stay,    stay,  no,       stay, stay,        same,     stay]),
        (Row::UnarchivedWaiting, [stay,    stay,  no,       stay, same,        stay,     stay]),
        (on(Failed),             [no,      no,    no,       no,   no,          no,       no]),
        (on(Cancelled),          [no,      no,    no,       no,   no,          no,       no]),
        (on(Timeout),            [no,      no,    no,       no,   no,          no,       no]),
    ];

    for (row, cells) in table {
        check_row(row, &signals()[15..], &cells);
    }
}

fn check_row(row: Row, signals: &[Signal], cells: &[Cell]) {
    let task = task_in(row);
    for (signal, cell) in signals.iter().zip(cells) {
        let got = transition(&task, signal.clone(), LATER);
        check(&task, &got, *cell, &format!("{row:?} × {signal:?}"));
    }
}

fn check(task: &Task, got: &Result<Change, Rejected>, cell: Cell, at: &str) {
    match (got, cell) {
        (Ok(change), Cell::To(state)) => {
            assert_eq!(change.task.state, state, "{at}");
            assert_eq!(change.task.version, task.version + 1, "{at}");
            assert_eq!(change.steps.len(), 1, "{at}");
            assert_eq!(change.money, expected_money(state), "{at}");
            assert_eq!(change.task.since, LATER, "{at}");
            assert!(
                change.task.sources.is_empty() || state == Archiving,
                "{at}: what is over has no sources"
            );
        }
        (Ok(change), Cell::Stays) => {
            assert_eq!(change.task.state, task.state, "{at}");
            assert_eq!(change.task.version, task.version + 1, "{at}");
            assert_eq!(change.steps.len(), 1, "{at}");
            assert_eq!(
                (change.money, change.task.charged),
                (None, task.charged),
                "{at}"
            );
            assert!(
                change.deliveries.is_empty() && change.claim.is_none(),
                "{at}"
            );
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
