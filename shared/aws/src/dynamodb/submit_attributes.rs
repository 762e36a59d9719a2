//! How the submit of a task stands, as attributes: its trace, its ticket, its uploads, its doubt,
//! and why the task failed.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::Result;
use fluxgate_core::fair_queue::Ticket;
use fluxgate_core::id::KeyId;
use fluxgate_core::money::KeyCount;
use fluxgate_core::task::{Doubt, Failure, InputUpload, Task};
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;

use super::attribute::{Item, Reader, bytes, number, number_of, text, unreadable};

const TRACE: &str = "trace";
const TRACE_STATE: &str = "trace_state";
/// The API key that the task was submitted with.
const API_KEY: &str = "api_key";
const KEY_COUNTER: &str = "key_counter";
const KEY_MONTH: &str = "key_month";
/// What a task's trace is stored in.
pub(super) const TRACES: [&str; 2] = [TRACE, TRACE_STATE];

/// The bytes of the `traceparent`, which are half of its text, and the `tracestate` as it came.
pub(super) fn of_trace(trace: &TraceContext) -> impl Iterator<Item = (String, AttributeValue)> {
    let parent = hex::decode(trace.traceparent().replace('-', "")).unwrap_or_default();
    let state = trace.tracestate().map(text);
    [(TRACE, Some(bytes(parent))), (TRACE_STATE, state)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
}

pub(super) fn to_trace(reader: Reader<'_>) -> Result<Option<TraceContext>> {
    if !reader.0.contains_key(TRACE) {
        return Ok(None);
    }
    let mut parent = hex::encode(reader.bytes(TRACE)?);
    for dash in [2, 35, 52] {
        if parent.len() >= dash {
            parent.insert(dash, '-');
        }
    }
    let trace = TraceContext::read(&parent, reader.optional_text(TRACE_STATE)?);
    trace.ok_or_else(|| unreadable(TRACE)).map(Some)
}

/// The key that a task was submitted with, and where it is counted.
pub(super) fn of_keys(task: &Task) -> Item {
    let key = task.key.iter();
    let key = key.map(|key| (API_KEY.to_owned(), text(key.as_str())));
    key.chain(task.key_count.iter().flat_map(of_key_count))
        .collect()
}

pub(super) fn of_key_count(count: &KeyCount) -> [(String, AttributeValue); 2] {
    let KeyCount { counter, month } = count;
    [
        (KEY_COUNTER.to_owned(), text(counter.as_str())),
        (KEY_MONTH.to_owned(), text(month.to_string())),
    ]
}

pub(super) fn to_key_count(reader: Reader<'_>) -> Result<Option<KeyCount>> {
    let Some(counter) = reader.optional_text(KEY_COUNTER)? else {
        return Ok(None);
    };
    Ok(Some(KeyCount {
        counter: KeyId::parse(counter)?,
        month: reader.text(KEY_MONTH)?.parse()?,
    }))
}

pub(super) fn to_key(reader: Reader<'_>) -> Result<Option<KeyId>> {
    reader.optional_text(API_KEY)?.map(KeyId::parse).transpose()
}

/// Ticket, weight, and when the ticket was taken, if it was.
pub(super) fn of_ticket(ticket: Ticket) -> AttributeValue {
    let taken_at = ticket.taken_at.map(|at| number(at.0));
    AttributeValue::L(
        [number(ticket.number), number(ticket.weight)]
            .into_iter()
            .chain(taken_at)
            .collect(),
    )
}

pub(super) fn to_ticket(ticket: &AttributeValue) -> Result<Ticket> {
    let parts = ticket.as_l().map_err(|_| unreadable("ticket"))?;
    let part = |n: usize| parts.get(n).and_then(number_of::<i64>);
    let ticket = part(0)
        .and_then(|ticket| u64::try_from(ticket).ok())
        .ok_or_else(|| unreadable("ticket"))?;
    let weight = part(1)
        .and_then(|weight| u32::try_from(weight).ok())
        .ok_or_else(|| unreadable("ticket"))?;
    Ok(Ticket {
        number: ticket,
        weight,
        taken_at: part(2).map(Timestamp),
    })
}

pub(super) fn of_upload(upload: &InputUpload) -> AttributeValue {
    AttributeValue::L(vec![text(&upload.field), text(&upload.url)])
}

pub(super) fn to_upload(upload: &AttributeValue) -> Option<InputUpload> {
    let parts = upload.as_l().ok()?;
    let part = |n: usize| parts.get(n)?.as_s().ok().cloned();
    Some(InputUpload {
        field: part(0)?,
        url: part(1)?,
    })
}

/// When it began; then, if there is any of it, how many denials, the first and the last, and how
/// far the clock was ahead.
pub(super) fn of_doubt(doubt: Doubt) -> AttributeValue {
    let denials = [
        number(doubt.denials),
        number(doubt.first.0),
        number(doubt.last.0),
    ];
    let has_more = doubt.denials > 0 || doubt.ahead_ms.is_some();
    let parts = [number(doubt.begun.0)]
        .into_iter()
        .chain(denials.into_iter().filter(|_| has_more))
        .chain(doubt.ahead_ms.map(number));
    AttributeValue::L(parts.collect())
}

pub(super) fn to_doubt(doubt: &AttributeValue) -> Result<Doubt> {
    let parts = doubt.as_l().map_err(|_| unreadable("doubt"))?;
    let part = |n: usize| parts.get(n).and_then(number_of::<i64>);
    let begun = Timestamp(part(0).ok_or_else(|| unreadable("doubt"))?);
    let denials = part(1)
        .and_then(|denials| u32::try_from(denials).ok())
        .unwrap_or(0);
    let at = |n| part(n).map_or(begun, Timestamp);
    Ok(Doubt {
        begun,
        ahead_ms: part(4),
        denials,
        first: at(2),
        last: at(3),
    })
}

pub(super) fn of_failure(failure: &Failure) -> AttributeValue {
    AttributeValue::M(Item::from([
        ("code".to_owned(), number(failure.code)),
        ("reason".to_owned(), text(&failure.reason)),
        ("message".to_owned(), text(&failure.message)),
    ]))
}

pub(super) fn to_failure(failure: &AttributeValue) -> Result<Failure> {
    let reader = Reader(failure.as_m().map_err(|_| unreadable("failure"))?);
    let (reason, message) = (
        reader.text("reason")?.to_owned(),
        reader.text("message")?.to_owned(),
    );
    Ok(Failure {
        code: reader.number("code")?,
        reason,
        message,
    })
}
