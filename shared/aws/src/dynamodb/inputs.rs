//! Inputs too large for their task's item, written to their own items before the task.
//!
//! They are deleted with their task only: that costs as much as writing, and DynamoDB removes items
//! past their `expires_at` for free. Until then large inputs, and those of a task that did not complete, are
//! kept, but no longer returned once their task has ended.

use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::task::{Admission, State, Task};
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, number, text};
use super::key::{EXPIRES_AT, Key};
use super::table::Table;
use super::task_item::{INPUTS, INPUTS_PARTS};
use super::write::Write;

/// An item is limited to 400 KB. Inputs of more than one part count as large.
const PART_BYTES_MAX: usize = 256 * 1024;

/// Inputs are needed until the submit is no longer in doubt, a few hours at most.
const KEPT_S: i64 = 8 * 86_400;
/// Large inputs cost storage by the day.
const LARGE_KEPT_S: i64 = 2 * 86_400;

/// Returned once the inputs of a task without large inputs are gone.
const EMPTY: &str = "{}";

const BODY: &str = "body";

/// Returns the number of parts.
pub(super) async fn write(table: &Table, admission: &Admission) -> Result<usize> {
    let task = &admission.task;
    let parts = split(&admission.inputs);
    let kept_s = if parts.len() > 1 {
        LARGE_KEPT_S
    } else {
        KEPT_S
    };
    for (n, part) in parts.iter().enumerate() {
        let item = Item::from([
            (BODY.to_owned(), text(*part)),
            (
                EXPIRES_AT.to_owned(),
                number(task.created_at.seconds() + kept_s),
            ),
        ]);
        table
            .write(&[Write::put(Key::inputs(&task.tenant, &task.id, n), item)])
            .await?;
    }
    Ok(parts.len())
}

fn split(mut inputs: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while inputs.len() > PART_BYTES_MAX {
        let (part, rest) = inputs.split_at(inputs.floor_char_boundary(PART_BYTES_MAX));
        parts.push(part);
        inputs = rest;
    }
    parts.push(inputs);
    parts
}

/// The inputs of the task in this item.
pub(super) async fn read(table: &Table, task: &Task, item: &Item) -> Result<String> {
    let is_dropped = task.state.is_end() && task.state != State::Completed;
    if is_dropped || task.deleted.is_some() {
        return Ok(EMPTY.to_owned());
    }
    let reader = Reader(item);
    if let Some(inputs) = reader.optional_text(INPUTS)? {
        return Ok(inputs.to_owned());
    }
    let parts: usize = reader.number(INPUTS_PARTS)?;
    if parts > 1 && task.state.is_end() {
        return Ok(EMPTY.to_owned());
    }
    match read_parts(table, &task.tenant, &task.id, parts).await? {
        Some(inputs) => Ok(inputs),
        None if task.state.is_end() => Ok(EMPTY.to_owned()),
        None => Err(Error::internal(
            "inputs_missing",
            "the inputs of a running task are missing",
        )),
    }
}

/// Removes those of the task in this item.
pub(super) async fn delete(table: &Table, task: &Task, item: &Item) -> Result<()> {
    let parts: Option<usize> = Reader(item).optional_number(INPUTS_PARTS)?;
    for n in 0..parts.unwrap_or(0) {
        let key = Key::inputs(&task.tenant, &task.id, n);
        table.write(&[Write::delete(key)]).await?;
    }
    Ok(())
}

async fn read_parts(
    table: &Table,
    tenant: &TenantId,
    id: &TaskId,
    parts: usize,
) -> Result<Option<String>> {
    let mut inputs = String::new();
    for n in 0..parts {
        let Some(part) = table.get(&Key::inputs(tenant, id, n)).await? else {
            return Ok(None);
        };
        inputs.push_str(Reader(&part).text(BODY)?);
    }
    Ok(Some(inputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_split_between_characters() {
        let inputs = format!("x{}", "é".repeat(PART_BYTES_MAX));

        let parts = split(&inputs);

        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| part.len() <= PART_BYTES_MAX));
        assert_eq!(parts.concat(), inputs);
    }
}
