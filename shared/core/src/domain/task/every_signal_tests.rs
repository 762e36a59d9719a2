//! Where a task may stand, and every signal that may come then.

use State::{
    Admitted, Archiving, Cancelled, Completed, Failed, Submitted, Submitting, Timeout, Unknown,
};

use super::*;
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;
use crate::domain::money::MicroUsd;

/// Where a task stands: its state, and what is the matter with its outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Row {
    In(State),
    /// Archiving, while the provider is asked for fresh links.
    Waiting,
    /// Completed, with links in place of outputs.
    Unarchived,
    /// The same, while the provider is asked for fresh ones.
    UnarchivedWaiting,
    /// Completed, and its charge was given back.
    Refunded,
    /// In this state when its tenant deleted it.
    Deleted(State),
    /// The same, completed with links in place of outputs.
    UnarchivedDeleted,
}

pub(super) const PRICE: MicroUsd = MicroUsd(80_000);
pub(super) const NOW: Timestamp = Timestamp(2_000);
pub(super) const LATER: Timestamp = Timestamp(3_000);
pub(super) const TICKET: Ticket = Ticket {
    number: 7,
    weight: 1,
    taken_at: None,
};

pub(super) fn run(text: &str) -> RunId {
    RunId::parse(text).unwrap()
}

/// A task as it comes to stand there on the straight way through the machine.
pub(super) fn task_in(row: Row) -> Task {
    let new = NewTask {
        tenant: TenantId::parse("acme").unwrap(),
        id: TaskId::parse(&"0".repeat(32)).unwrap(),
        model: ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap(),
        price: PRICE,
        cost: MicroUsd(60_000),
        outputs_asked: 1,
        makes: None,
        callback: None,
        metadata: crate::base::labels::Labels::default(),
    };
    let admitted = Task::admitted(new, Timestamp(1_000));
    let path = match row {
        Row::Deleted(state) => [path_to(Row::In(state)), &[DELETE]].concat(),
        Row::UnarchivedDeleted => [path_to(Row::Unarchived), &[DELETE]].concat(),
        _ => path_to(row).to_vec(),
    };
    path.iter().fold(admitted, |task, index| {
        transition(&task, signals()[*index].clone(), NOW)
            .unwrap()
            .task
    })
}

/// The place of [`Signal::Delete`] among the signals.
const DELETE: usize = 22;

/// The places of the signals that lead there.
fn path_to(row: Row) -> &'static [usize] {
    match row {
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
        Row::Refunded => &[0, 4, 5, 15, 24],
        Row::Deleted(_) | Row::UnarchivedDeleted => &[],
    }
}

pub(super) fn output() -> Output {
    let text = |text: &str| text.to_owned();
    Output {
        bucket: text("b"),
        key: text("0.png"),
        sha256: text("00"),
        bytes: 1,
        content_type: text("image/png"),
        ..Output::default()
    }
}

/// Fifteen of runs, then thirteen: seven of outputs, two of the task as a whole, one of money, one
/// of a run and its outputs together, one of the store, and one of what a deleted task left.
pub(super) fn signals() -> Vec<Signal> {
    [of_runs(), of_outputs()].concat()
}

fn failure() -> Failure {
    Failure::new(5000, "internal", "text")
}

/// Learned between the two times of the tests.
pub(super) fn ended(id: &str) -> EndedRun {
    EndedRun {
        finished: finished(id),
        at: Timestamp(2_500),
    }
}

fn finished(id: &str) -> Finished {
    Finished {
        run: run(id),
        via: Via::Webhook,
        sources: vec!["https://cdn.example/1.png".to_owned()],
        nsfw: vec![false],
        inference_ms: Some(7),
        note: None,
    }
}

fn of_runs() -> Vec<Signal> {
    let finished = |id: &str| Signal::Finished(finished(id));
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
            ahead_ms: None,
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
        Signal::Denied {
            read_at: NOW,
            gap_ms: 1,
        },
        Signal::Announced,
        Signal::InputsUploaded {
            uploads: vec![InputUpload {
                field: "image".to_owned(),
                url: "https://cdn.example/0.png".to_owned(),
            }],
        },
    ]
}

fn of_outputs() -> Vec<Signal> {
    vec![
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
        Signal::ArchiveAsked {
            last_asked_at: None,
        },
        Signal::LinksFailed {
            again: false,
            reason: "404".to_owned(),
        },
        Signal::Refreshed {
            sources: vec!["https://cdn.example/2.png".to_owned()],
        },
        Signal::OutputsGone(failure()),
        Signal::Delete,
        Signal::FailedByOperator {
            reason: "stuck".to_owned(),
        },
        Signal::Refund(Refund::new(MicroUsd(50_000), "r", LATER)),
        Signal::RunArchived {
            ended: Box::new(ended("a")),
            outputs: vec![output()],
        },
        Signal::Restored,
        Signal::OutputsRemoved,
    ]
}
