//! The building blocks of all transitions.

use super::change::Change;
use super::signal::{Rejected, Rejection};
use super::state::State;
use super::step::Step;
use super::{Failure, Task};
use crate::base::time::Timestamp;
use crate::domain::money::Settlement;

pub(super) fn only_from(task: &Task, states: &[State]) -> Result<(), Rejected> {
    if states.contains(&task.state) {
        return Ok(());
    }
    Err(rejected(task, Rejection::NotNow))
}

pub(super) fn rejected(task: &Task, rejection: Rejection) -> Rejected {
    Rejected {
        state: task.state,
        rejection,
    }
}

/// A run that has ended uses no part of the provider's account, and a task that has ended has no
/// outputs on their way to the bucket.
pub(super) fn moved(task: &Task, state: State, now: Timestamp) -> Task {
    let ticket = task
        .ticket
        .filter(|_| !state.is_end() && state != State::Archiving);
    let doubt = task.doubt.filter(|_| state == State::Unknown);
    // Each POST has its own uploads.
    let uploads = if state == State::Unknown {
        task.uploads.clone()
    } else {
        Vec::new()
    };
    let mut next = Task {
        version: task.version + 1,
        state,
        since: now,
        ticket,
        doubt,
        uploads,
        ..task.clone()
    };
    if state.is_end() {
        next.copied = Vec::new();
        next.stale = None;
    }
    next
}

pub(super) fn released(task: &Task, end: State, failure: Failure, step: Step) -> Change {
    let mut next = moved(task, end, step.at);
    // Do not give away what was not paid for.
    next.sources = Vec::new();
    let step = step.detail(format!("{}: {}", failure.reason, failure.message));
    next.failure = Some(failure);
    let mut change = change(next, step);
    change.money = Some(Settlement::release(task.price));
    change
}

pub(super) fn change(task: Task, step: Step) -> Change {
    let (jobs, deliveries) = (Vec::new(), Vec::new());
    Change {
        task,
        money: None,
        steps: vec![step],
        jobs,
        deliveries,
        claim: None,
    }
}

pub(super) fn duplicate(task: &Task) -> Change {
    let (steps, jobs, deliveries) = (Vec::new(), Vec::new(), Vec::new());
    Change {
        task: task.clone(),
        money: None,
        steps,
        jobs,
        deliveries,
        claim: None,
    }
}
