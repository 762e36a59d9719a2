//! Inputs too large for their task's item, written to their own items before the task.
//!
//! They are deleted with their task only: that costs as much as writing, and DynamoDB removes items
//! past their `expires_at` for free. Until then large inputs are kept, but no longer returned once
//! their task has ended. Those of a task that did not complete move there with its end.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::seal::StoredText;
use fluxgate_core::task::{Admission, RETRY_INPUTS_BYTES_MAX, Task};
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, bytes, number, text, unreadable};
use super::key::{EXPIRES_AT, Key};
use super::stored_text;
use super::table::Table;
use super::task_item::{INPUTS, INPUTS_PARTS};
use super::write::Write;

/// An item is limited to 400 KB. Inputs of more than one part count as large.
const PART_BYTES_MAX: usize = 256 * 1024;

/// Inputs are needed until the submit is no longer in doubt, a few hours at most.
const KEPT_S: i64 = 8 * 86_400;
/// Large inputs cost storage by the day.
const LARGE_KEPT_S: i64 = 2 * 86_400;

const BODY: &str = "body";

/// Returns the number of parts.
pub(super) async fn write(table: &Table, admission: &Admission) -> Result<usize> {
    let task = &admission.task;
    let parts: Vec<AttributeValue> = match &admission.inputs {
        StoredText::Plain(plain) => split(plain).into_iter().map(text).collect(),
        StoredText::Sealed(sealed) => sealed.chunks(PART_BYTES_MAX).map(bytes).collect(),
    };
    let kept_s = if parts.len() > 1 {
        LARGE_KEPT_S
    } else {
        KEPT_S
    };
    let count = parts.len();
    for (n, part) in parts.into_iter().enumerate() {
        let item = Item::from([
            (BODY.to_owned(), part),
            (
                EXPIRES_AT.to_owned(),
                number(task.created_at.seconds() + kept_s),
            ),
        ]);
        table
            .write(&[Write::put(Key::inputs(&task.tenant, &task.id, n), item)])
            .await?;
    }
    Ok(count)
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
pub(super) async fn read(table: &Table, task: &Task, item: &Item) -> Result<StoredText> {
    let is_expired = |at| at <= SystemClock.now();
    if task.inputs_expire_at().is_some_and(is_expired) || task.deleted.is_some() {
        return Ok(StoredText::gone());
    }
    let reader = Reader(item);
    if let Some(inputs) = stored_text::optional(item, INPUTS)? {
        return Ok(inputs);
    }
    let is_end = task.state.is_end();
    // An earlier release kept nothing of a task that did not complete.
    let parts: usize = match reader.optional_number(INPUTS_PARTS)? {
        None if is_end => return Ok(StoredText::gone()),
        Some(parts) if parts > 1 && is_end => return Ok(StoredText::gone()),
        Some(parts) => parts,
        None => return Err(unreadable(INPUTS_PARTS)),
    };
    let is_kept = |inputs: &StoredText| {
        task.inputs_expire_at().is_none() || inputs.len() <= RETRY_INPUTS_BYTES_MAX
    };
    match read_parts(table, &task.tenant, &task.id, parts).await? {
        Some(inputs) if is_kept(&inputs) => Ok(inputs),
        _ if is_end => Ok(StoredText::gone()),
        _ => Err(Error::internal(
            "inputs_missing",
            "the inputs of a running task are missing",
        )),
    }
}

/// The inputs of a task that is about to end without being paid for leave its item for one that
/// expires. True if they were there.
pub(super) async fn put_apart(table: &Table, task: &Task) -> Result<bool> {
    let (Some(expires_at), key) = (task.inputs_expire_at(), Key::task(&task.tenant, &task.id))
    else {
        return Ok(false);
    };
    let found = table.get_eventual_or_get(&key, Some("#inputs")).await?;
    let Some(inputs) = found.as_ref().and_then(|item| item.get(INPUTS)) else {
        return Ok(false);
    };
    let item = Item::from([
        (BODY.to_owned(), inputs.clone()),
        (EXPIRES_AT.to_owned(), number(expires_at.seconds())),
    ]);
    let key = Key::inputs(&task.tenant, &task.id, 0);
    table.write(&[Write::put(key, item)]).await?;
    Ok(true)
}

/// Removes those of the task in this item, and what an end that was never written put apart.
pub(super) async fn delete(table: &Table, task: &Task, item: &Item) -> Result<()> {
    let parts: Option<usize> = Reader(item).optional_number(INPUTS_PARTS)?;
    for n in 0..parts.unwrap_or(1) {
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
) -> Result<Option<StoredText>> {
    let mut inputs: Option<StoredText> = None;
    for n in 0..parts {
        let part = table.get(&Key::inputs(tenant, id, n)).await?;
        let Some(part) = part.as_ref() else {
            return Ok(None);
        };
        let part = stored_text::optional(part, BODY)?.ok_or_else(|| unreadable(BODY))?;
        inputs = Some(match (inputs, part) {
            (None, part) => part,
            (Some(StoredText::Plain(first)), StoredText::Plain(next)) => (first + &next).into(),
            (Some(StoredText::Sealed(first)), StoredText::Sealed(next)) => {
                StoredText::Sealed([first, next].concat())
            }
            _ => return Err(unreadable(BODY)),
        });
    }
    Ok(inputs)
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
