//! The part of the machine that is about outputs: copied, not to be had, fetched by fresh links, or
//! left with the provider.

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
        // A copy that went on while the task was completed without it.
        return copied(task, all(outputs), now);
    }
    only_from(task, &[State::Archiving])?;
    let (mut next, settlement) = completed(task, now);
    next.outputs = outputs;
    let mut step = Step::new(now, "archived");
    if settlement.release > MicroUsd::ZERO {
        step = step.detail(share(task, settlement));
    }
    Ok(Change {
        money: Some(settlement),
        ..change(next, step)
    })
}

/// Outputs that came into the bucket although not all of their task did. Of a task that is
/// completed already they move no money.
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

/// What the provider made is paid for: the task completes with what is in the bucket, and with
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
        "{}: {}; {} of {} left with the provider until {}",
        fault.reason,
        fault.message,
        links.len(),
        counted(task.sources.len(), "output"),
        expires_at.rfc3339(),
    );
    if settlement.release > MicroUsd::ZERO {
        text = format!("{text}; {}", share(task, settlement));
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

/// `over` is when the tenant had asked before, so that of several who ask at once one begins a
/// copy.
pub(super) fn archive_asked(
    task: &Task,
    over: Option<Timestamp>,
    now: Timestamp,
) -> Result<Change, Rejected> {
    only_from(task, &[State::Completed])?;
    copying(task)?;
    let mut next = stays(task);
    match &mut next.unarchived {
        Some(unarchived) if unarchived.asked_at == over => unarchived.asked_at = Some(now),
        _ => return Ok(duplicate(task)),
    }
    let mut change = change(next, Step::new(now, "archive_asked"));
    change.wake(archive_job(task), 0);
    Ok(change)
}

/// `again`: the links that failed are those that the provider named last, and the trouble is the
/// same.
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

/// `sources` are all of the run's outputs, those that were copied before included.
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

/// Outputs that nobody can have any more. A task that is completed keeps its charge: it had its
/// links.
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

/// Refuses what has nothing to be copied.
fn copying(task: &Task) -> Result<(), Rejected> {
    if task.to_copy().is_empty() {
        Err(rejected(task, Rejection::NotNow))
    } else {
        Ok(())
    }
}

/// The same state, entered when it was: the end of a task has one moment, whatever becomes of its
/// outputs afterwards.
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

fn share(task: &Task, settlement: Settlement) -> String {
    let (came, asked) = (
        task.sources.len(),
        counted(task.outputs_asked as usize, "output"),
    );
    format!(
        "{came} of {asked}: {} charged, {} released",
        settlement.capture, settlement.release
    )
}

/// Puts a copy where it belongs, once.
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
