//! The state machine: pure, total, and the only way a task changes.

use super::change::Change;
use super::doubt::Doubt;
use super::ending;
use super::ending::{already_ended, name_run};
use super::moves::{change, duplicate, moved, only_from, rejected, released};
use super::signal::{Rejected, Rejection, RunEnd, Signal};
use super::state::State;
use super::step::{Step, Via};
use super::{Failure, InputUpload, Task, copying, deletion, refunding};
use crate::base::id::RunId;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Ticket;

/// Applies one signal to a task.
///
/// A duplicate returns the same task and an empty change; a signal that does not apply returns
/// [`Rejected`]. A run that is proven to exist is always accepted for a task that was not yet
/// settled: the capability in its webhook is the proof.
pub fn transition(task: &Task, signal: Signal, now: Timestamp) -> Result<Change, Rejected> {
    match signal {
        Signal::SubmitStarted => submit_started(task, task.ticket, now),
        Signal::Queued(ticket) => queued(task, ticket, now),
        Signal::SlotGranted(ticket) => submit_started(task, Some(ticket), now),
        Signal::InputsUploaded { uploads } => inputs_uploaded(task, uploads, now),
        Signal::SubmitDeferred { reason, .. } => submit_deferred(task, reason, now),
        Signal::SubmitRefused(failure) => submit_refused(task, failure, now),
        Signal::SubmitAmbiguous { reason, ahead_ms } => {
            submit_ambiguous(task, reason, ahead_ms, now)
        }
        Signal::Denied { read_at, gap_ms } => denied(task, read_at, gap_ms, now),
        Signal::Restored => restored(task, now),
        Signal::Accepted { run, via } => accepted(task, run, via, now),
        Signal::Finished(finished) => ending::finished(task, finished, now),
        Signal::RunFailed {
            run,
            via,
            end,
            failure,
        } => provider_failed(
            task,
            Ending {
                run,
                via,
                end,
                failure,
            },
            now,
        ),
        Signal::Archived { outputs } => copying::archived(task, outputs, now),
        Signal::RunArchived { ended, outputs } => ending::run_archived(task, &ended, outputs, now),
        Signal::Copied { copies } => copying::copied(task, copies, now),
        Signal::ArchiveAbandoned { fault, expires_at } => {
            copying::abandoned(task, fault, expires_at, now)
        }
        Signal::ArchiveAsked { last_asked_at } => copying::archive_asked(task, last_asked_at, now),
        Signal::LinksFailed { again, reason } => copying::links_failed(task, again, reason, now),
        Signal::Refreshed { sources } => copying::refreshed(task, sources, now),
        Signal::OutputsGone(failure) => copying::outputs_gone(task, failure, now),
        Signal::GaveUp(failure) => gave_up(task, failure, now),
        Signal::FailedByOperator { reason } => failed_by_operator(task, &reason, now),
        Signal::Cancel => cancel(task, now),
        Signal::Delete => deletion::deleted(task, now),
        Signal::OutputsRemoved => deletion::outputs_removed(task, now),
        Signal::Refund(refund) => refunding::refunded(task, refund, now),
        Signal::Announced => announced(task, now),
    }
}

fn queued(task: &Task, ticket: Ticket, now: Timestamp) -> Result<Change, Rejected> {
    only_from(task, &[State::Admitted])?;
    let mut next = moved(task, State::Admitted, now);
    next.ticket = Some(ticket);
    Ok(change(next, Step::new(now, "queued")))
}

fn submit_started(task: &Task, ticket: Option<Ticket>, now: Timestamp) -> Result<Change, Rejected> {
    only_from(task, &[State::Admitted])?;
    let mut next = moved(task, State::Submitting, now);
    next.submits += 1;
    next.ticket = ticket;
    Ok(change(next, Step::new(now, "submit_started")))
}

/// The same submit continues, so `since` stays.
fn inputs_uploaded(
    task: &Task,
    uploads: Vec<InputUpload>,
    now: Timestamp,
) -> Result<Change, Rejected> {
    only_from(task, &[State::Submitting])?;
    let next = Task {
        version: task.version + 1,
        uploads,
        ..task.clone()
    };
    Ok(change(next, Step::new(now, "inputs_uploaded")))
}

/// Also from `unknown`: a late definite answer is still definite, and in `unknown` no other POST
/// can have been sent.
fn submit_deferred(task: &Task, reason: String, now: Timestamp) -> Result<Change, Rejected> {
    only_from(task, &[State::Submitting, State::Unknown])?;
    Ok(change(
        moved(task, State::Admitted, now),
        Step::new(now, "submit_deferred").detail(reason),
    ))
}

fn submit_refused(task: &Task, failure: Failure, now: Timestamp) -> Result<Change, Rejected> {
    only_from(task, &[State::Submitting, State::Unknown])?;
    Ok(released(
        task,
        State::Failed,
        failure,
        Step::new(now, "submit_refused"),
    ))
}

fn submit_ambiguous(
    task: &Task,
    reason: String,
    ahead_ms: Option<i64>,
    now: Timestamp,
) -> Result<Change, Rejected> {
    if task.state == State::Unknown {
        return Ok(duplicate(task));
    }
    only_from(task, &[State::Submitting])?;
    let mut next = moved(task, State::Unknown, now);
    next.doubt = Some(Doubt {
        ahead_ms,
        ..Doubt::since(task.since)
    });
    Ok(change(
        next,
        Step::new(now, "submit_ambiguous").detail(reason),
    ))
}

/// A POST may have been sent at any time since the backup, so the doubt ends now and begins anew
/// with the time of the state that the backup had, and the books count it as sent. A place in the
/// fair queue is given back.
fn restored(task: &Task, now: Timestamp) -> Result<Change, Rejected> {
    only_from(task, &[State::Admitted, State::Submitting, State::Unknown])?;
    let mut next = moved(task, State::Unknown, now);
    let begun = task.doubt.map_or(task.since, |doubt| doubt.begun);
    next.doubt = Some(Doubt::since(begun));
    next.submits = task.submits.max(1);
    next.ticket = task.ticket.filter(|ticket| !ticket.waits());
    Ok(change(next, Step::new(now, "restored")))
}

/// The doubt gets older, but is not a new one, so `since` stays. The list counts as of the time
/// when it was read: several tasks may share one reading.
fn denied(
    task: &Task,
    read_at: Timestamp,
    gap_ms: u64,
    now: Timestamp,
) -> Result<Change, Rejected> {
    only_from(task, &[State::Unknown])?;
    let doubt = task.doubt.unwrap_or_else(|| Doubt::since(task.created_at));
    let Some(doubt) = doubt.denied(read_at.min(now), gap_ms) else {
        return Ok(duplicate(task));
    };
    let next = Task {
        version: task.version + 1,
        doubt: Some(doubt),
        ..task.clone()
    };
    Ok(change(next, Step::new(now, "not_listed").via(Via::Resolve)))
}

fn accepted(task: &Task, run: RunId, via: Via, now: Timestamp) -> Result<Change, Rejected> {
    if let Some(answer) = already_known(task, &run) {
        return answer;
    }
    let mut change = change(
        moved(task, State::Submitted, now),
        Step::new(now, "accepted").via(via),
    );
    name_run(&mut change, run, via);
    Ok(change)
}

struct Ending {
    run: RunId,
    via: Via,
    end: RunEnd,
    failure: Failure,
}

fn provider_failed(task: &Task, ending: Ending, now: Timestamp) -> Result<Change, Rejected> {
    if let Some(answer) = already_ended(task, &ending.run) {
        return answer;
    }
    let step = Step::new(now, "provider_failed").via(ending.via);
    let mut change = released(task, ending.end.state(), ending.failure, step);
    name_run(&mut change, ending.run, ending.via);
    change.task.completed_by = Some(ending.via);
    Ok(change)
}

/// Only a state without a POST in flight may be given up; `Submitting` must become `Unknown` first.
fn gave_up(task: &Task, failure: Failure, now: Timestamp) -> Result<Change, Rejected> {
    only_from(
        task,
        &[
            State::Admitted,
            State::Unknown,
            State::Submitted,
            State::Archiving,
        ],
    )?;
    let end = match task.state {
        State::Admitted | State::Submitted => State::Timeout,
        _ => State::Failed,
    };
    Ok(released(task, end, failure, Step::new(now, "gave_up")))
}

/// As `gave_up`, whatever the time. If the run is proven later, it is an orphan.
fn failed_by_operator(task: &Task, reason: &str, now: Timestamp) -> Result<Change, Rejected> {
    only_from(
        task,
        &[
            State::Admitted,
            State::Unknown,
            State::Submitted,
            State::Archiving,
        ],
    )?;
    let text = format!("the operator ended this task: {reason}; nothing was charged");
    Ok(released(
        task,
        State::Failed,
        Failure::new(5000, "failed_by_operator", text),
        Step::new(now, "failed_by_operator"),
    ))
}

fn cancel(task: &Task, now: Timestamp) -> Result<Change, Rejected> {
    if task.state == State::Cancelled {
        return Ok(duplicate(task));
    }
    only_from(task, &[State::Admitted])?;
    let failure = Failure::new(
        1499,
        "cancelled",
        "the task was cancelled before it was sent to the model",
    );
    Ok(released(
        task,
        State::Cancelled,
        failure,
        Step::new(now, "cancelled"),
    ))
}

/// The end state and its time stay the same.
fn announced(task: &Task, now: Timestamp) -> Result<Change, Rejected> {
    if !task.state.is_end() {
        return Err(rejected(task, Rejection::NotNow));
    }
    if !task.untold {
        return Ok(duplicate(task));
    }
    let next = Task {
        version: task.version + 1,
        untold: false,
        ..task.clone()
    };
    Ok(change(next, Step::new(now, "announced")))
}

/// `Some` if the existence of this run changes nothing: the same run again, a different run, or a
/// task that has ended.
fn already_known(task: &Task, run: &RunId) -> Option<Result<Change, Rejected>> {
    match &task.run {
        Some(known) if known == run => Some(Ok(duplicate(task))),
        Some(_) => Some(Err(rejected(task, Rejection::OtherRun))),
        None if task.state.is_end() => Some(Err(rejected(task, Rejection::Orphan))),
        None => None,
    }
}
