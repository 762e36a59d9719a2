//! The part of the state machine about the end of a run that has outputs: written by itself, or
//! only with its outputs in the bucket.

use super::Output;
use super::Task;
use super::change::{Change, Claim};
use super::copying;
use super::moves::{change, duplicate, moved, rejected};
use super::signal::{EndedRun, Finished, Rejected, Rejection};
use super::state::State;
use super::step::{FINISHED, Step, Via};
use crate::base::id::RunId;
use crate::base::time::Timestamp;
use crate::domain::task::Job;

impl EndedRun {
    /// True if its end need not be written before its outputs are copied: the task is known to have
    /// this very run, and no slot of the provider's account is to be given back.
    pub fn may_stay_unwritten(&self, task: &Task) -> bool {
        task.state == State::Submitted
            && task.run.as_ref() == Some(&self.finished.run)
            && task.ticket.is_none()
            && !self.finished.sources.is_empty()
    }

    /// The task as it would be archiving, to copy its outputs by. Nobody writes that.
    pub fn supposed(&self, task: &Task) -> Option<Task> {
        let archiving = finished(task, self.finished.clone(), self.at);
        archiving
            .ok()
            .filter(|_| self.may_stay_unwritten(task))
            .map(|change| change.task)
    }
}

pub(super) fn finished(
    task: &Task,
    finished: Finished,
    now: Timestamp,
) -> Result<Change, Rejected> {
    if let Some(answer) = already_ended(task, &finished.run) {
        return answer;
    }
    let mut next = moved(task, State::Archiving, now);
    next.sources = finished.sources;
    next.nsfw = finished.nsfw;
    next.inference_ms = finished.inference_ms;
    next.completed_by = Some(finished.via);
    let step = Step {
        detail: finished.note,
        ..Step::new(now, FINISHED).via(finished.via)
    };
    let mut change = change(next, step);
    name_run(&mut change, finished.run, finished.via);
    change.wake(
        Job::Archive {
            tenant: task.tenant.clone(),
            task: task.id.clone(),
        },
        0,
    );
    Ok(change)
}

/// Both steps in one change, the first at its own time. If another has written the end meanwhile,
/// only the outputs are news.
pub(super) fn run_archived(
    task: &Task,
    ended: &EndedRun,
    outputs: Vec<Output>,
    now: Timestamp,
) -> Result<Change, Rejected> {
    let EndedRun { finished, at } = ended;
    if task
        .run
        .as_ref()
        .is_some_and(|known| *known != finished.run)
    {
        return Err(rejected(task, Rejection::OtherRun));
    }
    if matches!(task.state, State::Archiving | State::Completed) {
        return copying::archived(task, outputs, now);
    }
    if task.state.is_end()
        && let Some(answer) = already_ended(task, &finished.run)
    {
        return answer;
    }
    if !ended.may_stay_unwritten(task) {
        return Err(rejected(task, Rejection::NotNow));
    }
    let first = self::finished(task, finished.clone(), *at)?;
    let then = copying::archived(&first.task, outputs, now)?;
    let next = Task {
        version: task.version + 1,
        ..then.task
    };
    Ok(Change {
        task: next,
        steps: [first.steps, then.steps].concat(),
        ..then
    })
}

/// `Some` when the end of this run is no news. A task that was given up while its run went on makes
/// the run an orphan.
pub(super) fn already_ended(task: &Task, run: &RunId) -> Option<Result<Change, Rejected>> {
    let other_run = task.run.as_ref().is_some_and(|known| known != run);
    let told = task.completed_by.is_some();
    match (other_run, told, task.state.is_end()) {
        (true, ..) => Some(Err(rejected(task, Rejection::OtherRun))),
        (_, true, _) => Some(Ok(duplicate(task))),
        (_, false, true) => Some(Err(rejected(task, Rejection::Orphan))),
        (_, false, false) => None,
    }
}

/// Names the task's run, and claims it if it is new.
pub(super) fn name_run(change: &mut Change, run: RunId, via: Via) {
    if change.task.run.is_none() {
        change.claim = Some(Claim {
            run: run.clone(),
            proven: via != Via::Resolve,
        });
    }
    change.task.run = Some(run);
}
