//! The part of the state machine about outputs: copied, unavailable, refreshed links, or left at
//! the provider.

use super::change::Change;
use super::moves::{change, duplicate, moved, only_from, rejected, released};
use super::signal::{Rejected, Rejection};
use super::state::State;
use super::step::Step;
use super::unarchived::{Copied, ProviderLink, StaleLinks, Unarchived};
use super::{Failure, Output, Task};
use crate::base::time::Timestamp;
use crate::counted;
use crate::domain::money::{MicroUsd, Settlement};
use crate::domain::task::Job;

pub(super) fn archived(
    task: &Task,
    outputs: Vec<Output>,
    now: Timestamp,
) -> Result<Change, Rejected> {
    if task.state == State::Completed && task.outputs == outputs {
        return Ok(duplicate(task));
    }
    if task.state == State::Completed && !task.links().is_empty() {
        // A copy that continued while the task was completed without it.
        return copied(task, all(outputs), now);
    }
    only_from(task, &[State::Archiving])?;
    let (mut next, settlement) = completed(task, now);
    next.outputs = outputs;
    let mut step = Step::new(now, "archived");
    if settlement.release > MicroUsd::ZERO {
        step = step.detail(charged_part(task, settlement));
    }
    Ok(Change {
        money: Some(settlement),
        ..change(next, step)
    })
}

/// Some, but not all, of the task's outputs are now in the bucket. Moves no money for a task that
/// is already completed.
pub(super) fn copied(task: &Task, copies: Vec<Copied>, now: Timestamp) -> Result<Change, Rejected> {
    copying(task)?;
    let mut next = stays(task);
    let before = next.to_copy().len();
    copies.into_iter().for_each(|copy| keep(&mut next, copy));
    let left = next.to_copy().len();
    if left == before {
        return Ok(duplicate(task));
    }
    let name = if task.state == State::Archiving {
        "copied"
    } else {
        "archived_again"
    };
    let step = Step::new(now, name).detail(format!("{} in the bucket, {left} not", before - left));
    if left == 0 {
        next.stale = None;
    }
    Ok(change(next, step))
}

/// The provider's work is paid for: the task completes with the outputs in the bucket and with
/// links for the rest.
pub(super) fn abandoned(
    task: &Task,
    fault: Failure,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<Change, Rejected> {
    only_from(task, &[State::Archiving])?;
    copying(task)?;
    let (mut next, settlement) = completed(task, now);
    let links: Vec<ProviderLink> = task
        .to_copy()
        .into_iter()
        .map(|(n, url)| ProviderLink {
            n,
            url: url.to_owned(),
        })
        .collect();
    next.outputs = in_order(task.copied.clone());
    let mut text = format!(
        "{}: {}; {} of {} left at the provider until {}",
        fault.reason,
        fault.message,
        links.len(),
        counted(task.sources.len(), "output"),
        expires_at.rfc3339(),
    );
    if settlement.release > MicroUsd::ZERO {
        text = format!("{text}; {}", charged_part(task, settlement));
    }
    let (reason, message) = (fault.reason, fault.message);
    next.unarchived = Some(Unarchived {
        reason,
        message,
        links,
        expires_at,
        asked_at: None,
    });
    Ok(Change {
        money: Some(settlement),
        ..change(next, Step::new(now, "archive_abandoned").detail(text))
    })
}

/// `over` is the previous time the tenant asked, so that of several concurrent requests only one
/// starts a copy.
pub(super) fn archive_asked(
    task: &Task,
    last_asked_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Change, Rejected> {
    only_from(task, &[State::Completed])?;
    copying(task)?;
    let mut next = stays(task);
    match &mut next.unarchived {
        Some(unarchived) if unarchived.asked_at == last_asked_at => unarchived.asked_at = Some(now),
        _ => return Ok(duplicate(task)),
    }
    let mut change = change(next, Step::new(now, "archive_asked"));
    change.wake(archive_job(task), 0);
    Ok(change)
}

/// `again`: the failed links are the provider's latest ones, and the cause is the same.
pub(super) fn links_failed(
    task: &Task,
    again: bool,
    reason: String,
    now: Timestamp,
) -> Result<Change, Rejected> {
    copying(task)?;
    if task.waits_for_links() {
        return Ok(duplicate(task));
    }
    let mut next = stays(task);
    let before = task.stale.filter(|_| again).unwrap_or(StaleLinks {
        since: now,
        asks: 0,
        fresh_at: None,
    });
    next.stale = Some(StaleLinks {
        asks: before.asks + 1,
        fresh_at: None,
        ..before
    });
    Ok(change(next, Step::new(now, "links_failed").detail(reason)))
}

/// `sources` are all of the run's outputs, including those already copied.
pub(super) fn refreshed(
    task: &Task,
    sources: Vec<String>,
    now: Timestamp,
) -> Result<Change, Rejected> {
    copying(task)?;
    let Some(stale) = task.stale.filter(|_| task.waits_for_links()) else {
        return Ok(duplicate(task));
    };
    if sources.len() != task.outputs_made() {
        return Err(rejected(task, Rejection::NotNow));
    }
    let mut next = stays(task);
    next.stale = Some(StaleLinks {
        fresh_at: Some(now),
        ..stale
    });
    match &mut next.unarchived {
        Some(unarchived) => unarchived
            .links
            .iter_mut()
            .for_each(|link| link.url = sources[link.n].clone()),
        None => next.sources = sources,
    }
    let mut change = change(next, Step::new(now, "links_refreshed"));
    change.wake(archive_job(task), 0);
    Ok(change)
}

/// The outputs are lost. A completed task keeps its charge, because it had its links.
pub(super) fn outputs_gone(
    task: &Task,
    failure: Failure,
    now: Timestamp,
) -> Result<Change, Rejected> {
    copying(task)?;
    let step = Step::new(now, "outputs_gone");
    if task.state == State::Archiving {
        return Ok(released(task, State::Failed, failure, step));
    }
    let mut next = stays(task);
    next.stale = None;
    if let Some(unarchived) = &mut next.unarchived {
        unarchived.expires_at = unarchived.expires_at.min(now);
    }
    Ok(change(
        next,
        step.detail(format!("{}: {}", failure.reason, failure.message)),
    ))
}

/// Rejects a task that has nothing to copy.
fn copying(task: &Task) -> Result<(), Rejected> {
    if task.to_copy().is_empty() {
        Err(rejected(task, Rejection::NotNow))
    } else {
        Ok(())
    }
}

/// The same state, entered at the same time: the end of a task has one moment, whatever happens to
/// its outputs afterwards.
fn stays(task: &Task) -> Task {
    Task {
        version: task.version + 1,
        ..task.clone()
    }
}

fn completed(task: &Task, now: Timestamp) -> (Task, Settlement) {
    let settlement = Settlement::partial(task.price, task.sources.len(), task.outputs_asked);
    let mut next = moved(task, State::Completed, now);
    next.sources = Vec::new();
    next.charged = settlement.capture;
    (next, settlement)
}

fn charged_part(task: &Task, settlement: Settlement) -> String {
    let (came, asked) = (
        task.sources.len(),
        counted(task.outputs_asked as usize, "output"),
    );
    format!(
        "{came} of {asked}: {} charged, {} released",
        settlement.capture, settlement.release
    )
}

/// Adds a copy in its place, once.
fn keep(task: &mut Task, copy: Copied) {
    if !task.to_copy().iter().any(|(n, _)| *n == copy.n) {
        return;
    }
    let Some(unarchived) = &mut task.unarchived else {
        task.copied.push(copy);
        return;
    };
    let links_before = unarchived
        .links
        .iter()
        .filter(|link| link.n < copy.n)
        .count();
    unarchived.links.retain(|link| link.n != copy.n);
    task.outputs
        .insert((copy.n - links_before).min(task.outputs.len()), copy.output);
}

fn all(outputs: Vec<Output>) -> Vec<Copied> {
    outputs
        .into_iter()
        .enumerate()
        .map(|(n, output)| Copied { n, output })
        .collect()
}

fn in_order(mut copies: Vec<Copied>) -> Vec<Output> {
    copies.sort_by_key(|copy| copy.n);
    copies.into_iter().map(|copy| copy.output).collect()
}

fn archive_job(task: &Task) -> Job {
    Job::Archive {
        tenant: task.tenant.clone(),
        task: task.id.clone(),
    }
}
