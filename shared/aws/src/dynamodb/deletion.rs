//! What a deleted task was about goes out of its item, and from beside it.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::Result;
use fluxgate_core::port::errors::task_changed;
use fluxgate_core::task::{Change, Deleted, LeftOutput, State, Step};
use fluxgate_core::time::Timestamp;

use super::attribute::{Reader, number, number_of};
use super::task_item::{self, CALLBACK, INPUTS, INPUTS_PARTS, METADATA, changed};
use super::transact::{CallMark, WriteOutcome};
use super::write::Write;
use super::{DynamoStore, inputs, step_item, submit_attributes};

impl DynamoStore {
    /// The change that deletes a task: what lies beside its item goes first, so that nothing is
    /// left of a task that says that it is gone.
    pub(super) async fn erase_task(&self, change: &Change) -> Result<()> {
        let task = &change.task;
        let item = self.task_item(&task.tenant, &task.id).await?;
        inputs::delete(&self.table, task, &item).await?;
        let timeline = step_item::from_attributes(Reader(&item).list(step_item::STEPS)?)?;
        let mark = CallMark::fresh();
        let write = erase(change, mark, timeline)?;
        let WriteOutcome::Refused(found) = self.table.write(&[write]).await? else {
            return Ok(());
        };
        match found.into_iter().flatten().next() {
            // An earlier attempt of this call, whose response was lost.
            Some(item) if task_item::was_written_by(&item, mark) => Ok(()),
            _ => Err(task_changed()),
        }
    }
}

/// The update that deletes the task whose timeline this is: it takes what the task was about out of
/// its item. The timeline may not have grown meanwhile.
fn erase(change: &Change, mark: CallMark, timeline: Vec<Step>) -> Result<Write> {
    let lines = number(timeline.len() as u64);
    let erased = timeline.into_iter().map(Step::erased);
    let steps: Vec<Step> = erased.chain(change.steps.iter().cloned()).collect();
    let steps = AttributeValue::L(step_item::to_attributes(&steps)?);
    let write = changed(change, mark)?
        .and("size(#steps) = :lines")
        .with(":lines", lines)
        .set(step_item::STEPS, steps);
    let gone = [INPUTS, INPUTS_PARTS, METADATA, CALLBACK];
    let gone = gone.into_iter().chain(submit_attributes::TRACES);
    // The inputs of a task that did not complete are in neither place.
    let gone = gone.filter(|name| *name != INPUTS || change.task.state == State::Completed);
    Ok(gone.fold(write, |write, name| write.set_or_remove(name, None)))
}

/// As a list, whose parts need no names.
pub(super) fn of_deleted(deleted: &Deleted) -> AttributeValue {
    let made = number(deleted.outputs_made as u64);
    let names = deleted.left.iter().flat_map(|it| [&it.bucket, &it.key]);
    let names = names.map(|name| AttributeValue::S(name.clone()));
    let parts = [number(deleted.at.0), made].into_iter().chain(names);
    AttributeValue::L(parts.collect())
}

pub(super) fn to_deleted(value: &AttributeValue) -> Option<Deleted> {
    let parts = value.as_l().ok()?;
    Some(Deleted {
        at: Timestamp(number_of(parts.first()?)?),
        outputs_made: number_of(parts.get(1)?)?,
        left: parts[2..].chunks_exact(2).filter_map(to_left).collect(),
    })
}

fn to_left(names: &[AttributeValue]) -> Option<LeftOutput> {
    let name = |n: usize| names.get(n)?.as_s().ok().cloned();
    Some(LeftOutput {
        bucket: name(0)?,
        key: name(1)?,
    })
}
