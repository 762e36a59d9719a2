//! What API keys with a limit use in a month: an item of its own, written with the hold and with an
//! end that gives something back.

use fluxgate_core::money::{Account, KeyCount, MicroUsd, Settlement};
use fluxgate_core::task::{Admission, Task};
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, number};
use super::error::contention;
use super::key::{EXPIRES_AT, Key};
use super::write::Write;

const USED: &str = "used";

/// More than a year after it was last written: nobody asks for it any more.
const KEPT_S: i64 = 400 * 86_400;

/// The write that counts a new task with its key, and where it is counted; `None` for a task that
/// need not be. Fails for a task that costs more than the limit.
pub(super) fn hold(
    admission: &Admission,
    known: Option<&Account>,
) -> Result<Option<(Write, KeyCount)>> {
    let task = &admission.task;
    let Some(terms) = &admission.key_terms else {
        return Ok(None);
    };
    if task.price == MicroUsd::ZERO {
        return Ok(None);
    }
    terms.check(MicroUsd::ZERO, task.price)?;
    // The account's write is refused if the account has another time zone.
    let count = match known {
        Some(account) => terms.counted_in(account, task.created_at),
        None => terms.counted_in(&Account::default(), task.created_at),
    };
    let expires_at = number(task.created_at.seconds() + KEPT_S);
    let write = Write::update(Key::key_use(&task.tenant, &count))
        .when("attribute_not_exists(#used) OR #used <= :room")
        .with(":room", number(terms.room(task.price).0))
        .add(USED, number(task.price.0))
        .set(EXPIRES_AT, expires_at);
    Ok(Some((write, count)))
}

/// Why the month's use refused the task.
pub(super) fn exhausted(admission: &Admission, found: &Item) -> Result<Error> {
    let terms = admission.key_terms.as_ref();
    let checked = terms.map_or(Ok(()), |terms| {
        terms.check(used(found)?, admission.task.price)
    });
    Ok(checked.err().unwrap_or_else(contention))
}

/// The write that gives back what a task does not cost in the end.
pub(super) fn release(task: &Task, settlement: Settlement) -> Option<Write> {
    let count = task.key_count.as_ref()?;
    if settlement.release == MicroUsd::ZERO {
        return None;
    }
    let expires_at = number(task.since.seconds() + KEPT_S);
    let write = Write::update(Key::key_use(&task.tenant, count))
        .add(USED, number(-settlement.release.0))
        .set(EXPIRES_AT, expires_at);
    Some(write)
}

pub(super) fn used(item: &Item) -> Result<MicroUsd> {
    Ok(MicroUsd(Reader(item).optional_number(USED)?.unwrap_or(0)))
}
