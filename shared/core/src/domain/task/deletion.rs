//! A task that its tenant has deleted: what it was about is gone for good, and its books stay.

use super::change::Change;
use super::moves::{change, duplicate, rejected};
use super::signal::{Rejected, Rejection};
use super::step::Step;
use super::{Deleted, Failure, LeftOutput, Task, Unarchived};
use crate::base::labels::Labels;
use crate::base::time::Timestamp;

/// Only what is over can be deleted. What was not announced yet never will be.
pub(super) fn deleted(task: &Task, now: Timestamp) -> Result<Change, Rejected> {
    if task.deleted.is_some() {
        return Ok(duplicate(task));
    }
    if !task.state.is_end() {
        return Err(rejected(task, Rejection::NotNow));
    }
    let next = Task {
        version: task.version + 1,
        deleted: Some(Deleted {
            at: now,
            outputs_made: task.outputs_made(),
            left: task.outputs.iter().filter_map(LeftOutput::of).collect(),
        }),
        sources: Vec::new(),
        copied: Vec::new(),
        stale: None,
        outputs: Vec::new(),
        unarchived: task.unarchived.as_ref().map(without_links),
        nsfw: Vec::new(),
        inference_ms: None,
        failure: task.failure.as_ref().map(without_words),
        callback: None,
        metadata: Labels::default(),
        trace: None,
        untold: false,
        ..task.clone()
    };
    Ok(change(next, Step::new(now, "deleted")))
}

/// Nothing is left to be removed.
pub(super) fn outputs_removed(task: &Task, now: Timestamp) -> Result<Change, Rejected> {
    let Some(deleted) = &task.deleted else {
        return Err(rejected(task, Rejection::NotNow));
    };
    if deleted.left.is_empty() {
        return Ok(duplicate(task));
    }
    let next = Task {
        version: task.version + 1,
        deleted: Some(Deleted {
            left: Vec::new(),
            ..deleted.clone()
        }),
        ..task.clone()
    };
    Ok(change(next, Step::new(now, "outputs_removed")))
}

/// How the task was charged.
fn without_links(unarchived: &Unarchived) -> Unarchived {
    Unarchived {
        message: String::new(),
        links: Vec::new(),
        asked_at: None,
        ..unarchived.clone()
    }
}

/// Its words may quote an input.
fn without_words(failure: &Failure) -> Failure {
    Failure {
        message: String::new(),
        ..failure.clone()
    }
}
