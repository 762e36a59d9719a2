//! A task as one item: the task, its timeline, its untried deliveries, its small inputs, and its
//! ledger lines.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::Result;
use fluxgate_core::id::{ModelId, RunId, TaskId, TenantId};
use fluxgate_core::labels::Labels;
use fluxgate_core::money::{CountId, Hold, MicroUsd, Settlement};
use fluxgate_core::seal::StoredText;
use fluxgate_core::task::{Change, State, Task};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, Reader, bytes, item_bytes, number, text, unreadable, word};
use super::corrections::{REFUND, of_refund, to_refund};
use super::key::{EXPIRES_AT, Key, SK, TASK_PREFIX};
use super::transact::{CallMark, MARK};
use super::write::Write;
use super::{
    deletion, delivery_item, json_item, output_attributes, step_item, stored_text,
    submit_attributes,
};

/// DynamoDB bills writes by the started kilobyte.
pub(super) const HOT_BYTES_MAX: usize = 1024;
/// How much an ordinary task's item still grows: the run, one output, four steps, an end and one
/// delivery.
const GROWTH_BYTES: usize = 520;

/// The most that the hold adds; it is known only after the place of the inputs was chosen.
const HOLD_BYTES: usize = 30;

pub(super) const INPUTS: &str = "inputs";
/// The number of separate items that hold the inputs, if they are not in this item.
pub(super) const INPUTS_PARTS: &str = "inputs_parts";
/// In place of a task that was announced by its idempotency key and never written: who comes late
/// with it finds this.
const VOID: &str = "void";
/// Conditions on the item at a task's key.
pub(super) const IS_VOID_OR_ABSENT: &str = "attribute_not_exists(#pk) OR attribute_exists(#void)";
pub(super) const IS_NO_VOID: &str = "attribute_not_exists(#void)";

/// What the tenant attached to it, as JSON.
pub(super) const METADATA: &str = "metadata";
pub(super) const CALLBACK: &str = "callback";

/// What the account paid for the task, and what it got back. They stand in the version of the end,
/// whose `since` is their time.
pub(super) const CAPTURED: &str = "captured";
pub(super) const RELEASED: &str = "released";
/// Only there while the end still has to be announced.
pub(super) const UNTOLD: &str = "untold";
/// Left out if it is one.
const OUTPUTS_ASKED: &str = "outputs_asked";
const MAKES: &str = "makes";
/// Left out unless the task asked for it.
const INLINE_OUTPUTS: &str = "inline_outputs";
const RETRY_OF: &str = "retry_of";
/// The account's hold for the task. Each attribute is absent if there is none.
pub(super) const ON_CREDIT: &str = "credit";
const PERIOD: &str = "period";
const COUNTED: &str = "counted";
const BEGAN_IN: &str = "began_in";
const ENDED_IN: &str = "ended_in";
/// When the ledger has the hold and its end, where that is not when the task began and ended.
pub(super) const HELD_AT: &str = "held_at";
pub(super) const SETTLED_AT: &str = "settled_at";

/// The initial item of a new task.
pub(super) fn to_item(task: &Task, steps: Vec<AttributeValue>) -> Result<Item> {
    let mut item = Item::from([
        ("version".to_owned(), number(task.version)),
        ("model".to_owned(), text(task.model.as_str())),
        ("price".to_owned(), number(task.price.0)),
        ("cost".to_owned(), number(task.cost.0)),
        ("created_at".to_owned(), number(task.created_at.0)),
        (step_item::STEPS.to_owned(), AttributeValue::L(steps)),
    ]);
    if task.outputs_asked != 1 {
        item.insert(OUTPUTS_ASKED.to_owned(), number(task.outputs_asked));
    }
    if let Some(makes) = &task.makes {
        item.insert(MAKES.to_owned(), word(makes)?);
    }
    if task.inline_outputs {
        item.insert(INLINE_OUTPUTS.to_owned(), AttributeValue::Bool(true));
    }
    item.extend(hold(&task.hold));
    item.extend(
        task.callback
            .as_ref()
            .map(|callback| (CALLBACK.to_owned(), stored_text::of(callback))),
    );
    if !task.metadata.is_empty() {
        item.insert(
            METADATA.to_owned(),
            text(json_item::to_text(&task.metadata)?),
        );
    }
    let retry_of = task.retry_of.as_ref();
    item.extend(retry_of.map(|id| (RETRY_OF.to_owned(), text(id.as_str()))));
    item.extend(submit_attributes::of_keys(task));
    item.extend(task.trace.iter().flat_map(submit_attributes::of_trace));
    let changing = changing(task)?.into_iter();
    item.extend(changing.filter_map(|(name, value)| value.map(|value| (name.to_owned(), value))));
    Ok(item)
}

/// Keeps a task from being written until this many seconds since 1970.
pub(super) fn void(expires_at: i64) -> Item {
    Item::from([
        (VOID.to_owned(), AttributeValue::Bool(true)),
        (EXPIRES_AT.to_owned(), number(expires_at)),
    ])
}

pub(super) fn is_void(item: &Item) -> bool {
    item.contains_key(VOID)
}

/// The attributes of the account's hold for a task.
pub(super) fn hold(hold: &Hold) -> impl Iterator<Item = (String, AttributeValue)> {
    let flag = |name: &str, is: bool| is.then(|| (name.to_owned(), AttributeValue::Bool(true)));
    let period = hold
        .period
        .map(|period| (PERIOD.to_owned(), number(period)));
    let count = |name: &str, id: Option<CountId>| id.map(|id| (name.to_owned(), number(id.0)));
    let (began_in, ended_in) = (
        count(BEGAN_IN, hold.began_in),
        count(ENDED_IN, hold.ended_in),
    );
    let moment = |name: &str, at: Option<Timestamp>| at.map(|at| (name.to_owned(), number(at.0)));
    [
        flag(ON_CREDIT, hold.on_credit),
        period,
        flag(COUNTED, hold.counted),
        began_in,
        ended_in,
        moment(HELD_AT, hold.held_at),
        moment(SETTLED_AT, hold.settled_at),
    ]
    .into_iter()
    .flatten()
}

/// True if the inputs fit into the item without doubling the cost of its later writes.
pub(super) fn holds_inputs(key: &Key, item: &Item, inputs: &StoredText) -> bool {
    let name_bytes = INPUTS.len();
    item_bytes(item)
        + HOLD_BYTES
        + item_bytes(&key.attributes())
        + name_bytes
        + inputs.len()
        + GROWTH_BYTES
        <= HOT_BYTES_MAX
}

/// The update of an item for a change, whose inputs may have been put apart; only the money
/// attributes of the item itself. Notes that were added in the meantime are kept.
pub(super) fn update(change: &Change, mark: CallMark, inputs_apart: bool) -> Result<Write> {
    let steps = step_item::to_attributes(&change.steps)?;
    let write = changed(change, mark)?.append(step_item::STEPS, steps);
    if inputs_apart {
        return Ok(write.set(INPUTS_PARTS, number(1_u64)));
    }
    Ok(write)
}

/// All but the timeline.
pub(super) fn changed(change: &Change, mark: CallMark) -> Result<Write> {
    let task = &change.task;
    let mut write = Write::update(Key::task(&task.tenant, &task.id))
        .when("#version = :expected")
        .with(":expected", number(change.expected_version()))
        .set("version", number(task.version))
        .set(MARK, bytes(mark.as_bytes()));
    for (name, value) in changing(task)? {
        write = write.set_or_remove(name, value);
    }
    if task.state.is_end() && task.state != State::Completed {
        write = write.set_or_remove(INPUTS, None);
    }
    if !change.deliveries.is_empty() {
        let deliveries = delivery_item::to_attributes(&change.deliveries)?;
        write = write.append(delivery_item::DELIVERIES, deliveries);
    }
    let Settlement { capture, release } =
        change.money.unwrap_or(Settlement::release(MicroUsd::ZERO));
    for (name, amount) in [(CAPTURED, capture), (RELEASED, release)] {
        if amount > MicroUsd::ZERO {
            write = write.set(name, number(amount.0));
        }
    }
    Ok(write)
}

/// True if this call wrote the item in its present version, and only the response was lost.
pub(super) fn was_written_by(item: &Item, mark: CallMark) -> bool {
    item.get(MARK) == Some(&bytes(mark.as_bytes()))
}

/// The attributes that a change may change; `None` for those to be absent.
fn changing(task: &Task) -> Result<[(&'static str, Option<AttributeValue>); 19]> {
    let list =
        |values: Vec<AttributeValue>| (!values.is_empty()).then_some(AttributeValue::L(values));
    Ok([
        ("state", Some(word(&task.state)?)),
        ("since", Some(number(task.since.0))),
        ("submits", Some(number(task.submits))),
        ("ticket", task.ticket.map(submit_attributes::of_ticket)),
        (
            "uploads",
            list(
                task.uploads
                    .iter()
                    .map(submit_attributes::of_upload)
                    .collect(),
            ),
        ),
        ("doubt", task.doubt.map(submit_attributes::of_doubt)),
        ("run", task.run.as_ref().map(|run| text(run.as_str()))),
        ("sources", list(task.sources.iter().map(text).collect())),
        (
            "copied",
            list(
                task.copied
                    .iter()
                    .map(output_attributes::of_copied)
                    .collect(),
            ),
        ),
        ("stale", task.stale.map(output_attributes::of_stale)),
        (
            "outputs",
            list(
                task.outputs
                    .iter()
                    .map(output_attributes::of_output)
                    .collect(),
            ),
        ),
        (
            "unarchived",
            task.unarchived
                .as_ref()
                .map(output_attributes::of_unarchived),
        ),
        (
            "nsfw",
            list(
                task.nsfw
                    .iter()
                    .map(|flag| AttributeValue::Bool(*flag))
                    .collect(),
            ),
        ),
        ("inference_ms", task.inference_ms.map(number)),
        (
            "failure",
            task.failure.as_ref().map(submit_attributes::of_failure),
        ),
        (
            "completed_by",
            task.completed_by.as_ref().map(word).transpose()?,
        ),
        (UNTOLD, task.untold.then_some(AttributeValue::Bool(true))),
        (REFUND, task.refund.as_ref().map(of_refund)),
        ("deleted", task.deleted.as_ref().map(deletion::of_deleted)),
    ])
}

/// Earlier releases wrote it as `upstream`.
fn run_of(reader: Reader<'_>) -> Result<Option<RunId>> {
    let text = match reader.optional_text("run")? {
        Some(text) => Some(text),
        None => reader.optional_text("upstream")?,
    };
    text.map(RunId::parse).transpose()
}

pub(super) fn from_item(tenant: &TenantId, item: &Item) -> Result<Task> {
    let reader = Reader(item);
    Ok(Task {
        tenant: tenant.clone(),
        id: task_id(item)?,
        version: reader.number("version")?,
        model: ModelId::parse(reader.text("model")?)?,
        state: reader.word("state")?,
        price: MicroUsd(reader.number("price")?),
        hold: Hold {
            on_credit: item.contains_key(ON_CREDIT),
            period: reader.optional_number(PERIOD)?,
            counted: item.contains_key(COUNTED),
            began_in: reader.optional_number(BEGAN_IN)?.map(CountId),
            ended_in: reader.optional_number(ENDED_IN)?.map(CountId),
            held_at: reader.optional_number(HELD_AT)?.map(Timestamp),
            settled_at: reader.optional_number(SETTLED_AT)?.map(Timestamp),
        },
        cost: MicroUsd(reader.optional_number("cost")?.unwrap_or(0)),
        outputs_asked: reader.optional_number(OUTPUTS_ASKED)?.unwrap_or(1),
        makes: reader.optional_word(MAKES)?,
        charged: MicroUsd(reader.optional_number(CAPTURED)?.unwrap_or(0)),
        refund: read_one(reader, REFUND, to_refund)?,
        created_at: Timestamp(reader.number("created_at")?),
        since: Timestamp(reader.number("since")?),
        run: run_of(reader)?,
        submits: reader.number("submits")?,
        ticket: item
            .get("ticket")
            .or_else(|| item.get("turn"))
            .map(submit_attributes::to_ticket)
            .transpose()?,
        uploads: read_list(reader, "uploads", submit_attributes::to_upload)?,
        doubt: item
            .get("doubt")
            .map(submit_attributes::to_doubt)
            .transpose()?,
        sources: read_list(reader, "sources", |source| source.as_s().ok().cloned())?,
        copied: read_list(reader, "copied", output_attributes::to_copied)?,
        stale: read_one(reader, "stale", output_attributes::to_stale)?,
        outputs: read_list(reader, "outputs", output_attributes::to_output)?,
        unarchived: read_one(reader, "unarchived", output_attributes::to_unarchived)?,
        nsfw: read_list(reader, "nsfw", |flag| flag.as_bool().ok().copied())?,
        inference_ms: reader.optional_number("inference_ms")?,
        metadata: match reader.optional_text(METADATA)? {
            Some(text) => json_item::from_text(text)?,
            None => Labels::default(),
        },
        inline_outputs: item.contains_key(INLINE_OUTPUTS),
        failure: item
            .get("failure")
            .map(submit_attributes::to_failure)
            .transpose()?,
        completed_by: reader.optional_word("completed_by")?,
        callback: stored_text::optional(item, CALLBACK)?,
        trace: submit_attributes::to_trace(reader)?,
        untold: item.contains_key(UNTOLD),
        retry_of: reader
            .optional_text(RETRY_OF)?
            .map(TaskId::parse)
            .transpose()?,
        key: submit_attributes::to_key(reader)?,
        key_count: submit_attributes::to_key_count(reader)?,
        deleted: read_one(reader, "deleted", deletion::to_deleted)?,
    })
}

/// It is in the sort key; an attribute would duplicate it.
pub(super) fn task_id(item: &Item) -> Result<TaskId> {
    let id = Reader(item)
        .text(SK)?
        .strip_prefix(TASK_PREFIX)
        .ok_or_else(|| unreadable(SK))?;
    TaskId::parse(id).map_err(|error| unreadable(SK).source(error))
}

fn read_list<T>(
    reader: Reader<'_>,
    name: &str,
    read: impl Fn(&AttributeValue) -> Option<T>,
) -> Result<Vec<T>> {
    reader
        .list_or_empty(name)?
        .iter()
        .map(|value| read(value).ok_or_else(|| unreadable(name)))
        .collect()
}

fn read_one<T>(
    reader: Reader<'_>,
    name: &str,
    read: impl Fn(&AttributeValue) -> Option<T>,
) -> Result<Option<T>> {
    reader
        .0
        .get(name)
        .map(|value| read(value).ok_or_else(|| unreadable(name)))
        .transpose()
}
