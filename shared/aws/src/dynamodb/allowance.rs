//! The monthly budget in the account's item: its terms as JSON, its month in attributes that
//! conditions can use.

use fluxgate_core::money::{Allowance, Count, CountId, Hold, MicroUsd, Settlement};
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute::{Item, Reader, number, text};
use super::json_item::{from_text, to_text};
use super::write::Write;

/// The terms; absent after the budget was removed.
const BUDGET: &str = "budget";
const PERIOD: &str = "period";
const MONTH: &str = "month";
const CARRIED: &str = "carried";
const MONTH_HELD: &str = "month_held";
const SPENT: &str = "spent";
/// `limit + carried - month_held - spent`, stored because conditions cannot add.
const LEFT: &str = "left";
const SINCE: &str = "budget_since";
const COUNTED: &str = "counted";
/// The id of the running count.
const COUNT: &str = "count";
const COUNT_SINCE: &str = "count_since";
const COUNT_HELD: &str = "count_held";
const COUNT_SPENT: &str = "count_spent";

/// Conditions for a write that does not know of a budget or a count: it must fail if there is one.
pub(super) const NO_BUDGET: &str = "attribute_not_exists(#budget)";
pub(super) const NO_COUNT: &str = "attribute_not_exists(#count)";
/// A task without a period does not belong to the running one.
const NO_SINCE: &str = "attribute_not_exists(#budget_since)";

/// What a task's end assumes about the budget.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Believed {
    /// That the period of its hold is still running and no count is running.
    ByHold,
    /// The budget as it was read.
    Seen(Option<Allowance>),
}

impl Believed {
    /// The count to record in the task at its end, unless the task began in it.
    pub(super) fn hold_at_end(&self, hold: Hold, submitted_at: Timestamp) -> Hold {
        match self {
            Self::Seen(Some(allowance)) => allowance.hold_at_end(hold, submitted_at),
            _ => hold,
        }
    }

    /// True if the account with this budget settles differently.
    pub(super) fn differs(&self, allowance: Option<&Allowance>) -> bool {
        let standing =
            |allowance: &Allowance| (allowance.period, allowance.count.map(|count| count.id));
        match self {
            Self::ByHold => true,
            Self::Seen(seen) => seen.as_ref().map(standing) != allowance.map(standing),
        }
    }
}

pub(super) fn from_item(item: &Item) -> Result<Option<Allowance>> {
    let reader = Reader(item);
    let Some(period) = reader.optional_number(PERIOD)? else {
        return Ok(None);
    };
    let amount = |name| reader.number(name).map(MicroUsd);
    let allowance = Allowance {
        budget: reader.optional_text(BUDGET)?.map(from_text).transpose()?,
        period,
        month: reader.text(MONTH)?.parse()?,
        carried: amount(CARRIED)?,
        held: amount(MONTH_HELD)?,
        spent: amount(SPENT)?,
        since: reader.optional_number(SINCE)?.map(Timestamp),
        counted: item.contains_key(COUNTED),
        count: count_from_item(reader)?,
    };
    if allowance.budget.is_some() && allowance.left() != amount(LEFT)? {
        let text = "the 'left' of a stored budget is not limit + carried - month_held - spent";
        return Err(Error::internal("row_unreadable", text));
    }
    Ok(Some(allowance))
}

fn count_from_item(reader: Reader<'_>) -> Result<Option<Count>> {
    let Some(id) = reader.optional_number(COUNT)? else {
        return Ok(None);
    };
    let amount = |name| reader.number(name).map(MicroUsd);
    let since = Timestamp(reader.number(COUNT_SINCE)?);
    Ok(Some(Count {
        id: CountId(id),
        since,
        held: amount(COUNT_HELD)?,
        spent: amount(COUNT_SPENT)?,
    }))
}

/// Moves the budget to the state after a hold of this price; only if it is still as it was read, as
/// far as that matters.
pub(super) fn hold(
    write: Write,
    before: &Allowance,
    after: &Allowance,
    price: MicroUsd,
) -> Result<Write> {
    if before.period != after.period {
        return replace(write, Some(before), Some(after));
    }
    let write = while_counting(write, after.count.as_ref());
    let write = if before.count == after.count {
        write
    } else {
        write.increase(COUNT_HELD, number(price.0))
    };
    let Some(budget) = &after.budget else {
        return Ok(write.and(NO_BUDGET));
    };
    let terms = to_text(budget)?;
    let write = write.and("#budget = :budget_is AND #period = :period_is AND #left >= :left");
    Ok(write
        .with(":budget_is", text(terms))
        .with(":period_is", number(before.period))
        .decrease(LEFT, number(price.0))
        .increase(MONTH_HELD, number(price.0)))
}

fn while_counting(write: Write, count: Option<&Count>) -> Write {
    match count {
        None => write.and(NO_COUNT),
        Some(count) => write
            .and("#count = :count_is")
            .with(":count_is", number(count.id.0)),
    }
}

/// Ends a hold where it counts: in the running period, in a running count, in both or in neither.
pub(super) fn settle(
    write: Write,
    believed: &Believed,
    hold: &Hold,
    submitted_at: Timestamp,
    settlement: Settlement,
) -> Write {
    let whole = number(settlement.capture.0 + settlement.release.0);
    let (capture, release) = (number(settlement.capture.0), number(settlement.release.0));
    let of_period = |write: Write| {
        write
            .decrease(MONTH_HELD, whole.clone())
            .increase(SPENT, capture.clone())
            .increase(LEFT, release.clone())
    };
    let in_period = |write: Write, period: u64| {
        write
            .and("#period = :period_is")
            .with(":period_is", number(period))
    };
    match (believed, hold.period) {
        (Believed::ByHold, Some(period)) => of_period(in_period(write.and(NO_COUNT), period)),
        (Believed::ByHold, None) => write.and(NO_SINCE).and(NO_COUNT),
        (Believed::Seen(None), _) => write.and("attribute_not_exists(#period)"),
        (Believed::Seen(Some(allowance)), _) => {
            let mut write =
                while_counting(in_period(write, allowance.period), allowance.count.as_ref());
            if allowance.takes(hold, submitted_at) {
                write = of_period(write);
            }
            if allowance
                .count
                .is_some_and(|count| count.takes(submitted_at))
            {
                write = write
                    .decrease(COUNT_HELD, whole)
                    .increase(COUNT_SPENT, capture);
            }
            write
        }
    }
}

/// Gives back a part of what a task was charged, where it counts.
pub(super) fn refund(write: Write, believed: &Believed, task: &Task, amount: MicroUsd) -> Write {
    let Believed::Seen(Some(allowance)) = believed else {
        return write.and("attribute_not_exists(#period)");
    };
    let amount = number(amount.0);
    let mut write = while_counting(
        write
            .and("#period = :period_is")
            .with(":period_is", number(allowance.period)),
        allowance.count.as_ref(),
    );
    if allowance.takes(&task.hold, task.created_at) {
        write = write
            .decrease(SPENT, amount.clone())
            .increase(LEFT, amount.clone());
    }
    if allowance
        .count
        .is_some_and(|count| count.takes(task.created_at))
    {
        write = write.decrease(COUNT_SPENT, amount);
    }
    write
}

/// Replaces the whole budget, conditional on what was read.
pub(super) fn replace(
    write: Write,
    before: Option<&Allowance>,
    after: Option<&Allowance>,
) -> Result<Write> {
    let write = match before {
        None => write.and("attribute_not_exists(#period)"),
        Some(before) => {
            let same = "#period = :period_was AND #month_held = :held_was AND #spent = :spent_was AND #carried = :carried_was";
            let write = write
                .and(same)
                .with(":period_was", number(before.period))
                .with(":held_was", number(before.held.0))
                .with(":spent_was", number(before.spent.0))
                .with(":carried_was", number(before.carried.0));
            let write = match &before.count {
                None => write.and(NO_COUNT),
                Some(count) => write
                    .and("#count = :count_was AND #count_held = :counted_held AND #count_spent = :counted_spent")
                    .with(":count_was", number(count.id.0))
                    .with(":counted_held", number(count.held.0))
                    .with(":counted_spent", number(count.spent.0)),
            };
            match &before.budget {
                Some(budget) => write
                    .and("#budget = :budget_was")
                    .with(":budget_was", text(to_text(budget)?)),
                None => write.and(NO_BUDGET),
            }
        }
    };
    Ok(attributes(after)?
        .into_iter()
        .fold(write, |write, (name, value)| {
            write.set_or_remove(name, value)
        }))
}

/// Every attribute; `None` for those to be absent.
fn attributes(
    allowance: Option<&Allowance>,
) -> Result<[(&'static str, Option<AttributeValue>); 13]> {
    let budget = allowance
        .and_then(|allowance| allowance.budget.as_ref())
        .map(to_text)
        .transpose()?;
    let of = |value: fn(&Allowance) -> AttributeValue| allowance.map(value);
    let count = allowance.and_then(|allowance| allowance.count);
    Ok([
        (BUDGET, budget.map(text)),
        (PERIOD, of(|allowance| number(allowance.period))),
        (MONTH, of(|allowance| text(allowance.month.to_string()))),
        (CARRIED, of(|allowance| number(allowance.carried.0))),
        (MONTH_HELD, of(|allowance| number(allowance.held.0))),
        (SPENT, of(|allowance| number(allowance.spent.0))),
        (LEFT, of(|allowance| number(allowance.left().0))),
        (
            SINCE,
            allowance
                .and_then(|allowance| allowance.since)
                .map(|since| number(since.0)),
        ),
        (
            COUNTED,
            allowance
                .filter(|allowance| allowance.counted)
                .map(|_| AttributeValue::Bool(true)),
        ),
        (COUNT, count.map(|count| number(count.id.0))),
        (COUNT_SINCE, count.map(|count| number(count.since.0))),
        (COUNT_HELD, count.map(|count| number(count.held.0))),
        (COUNT_SPENT, count.map(|count| number(count.spent.0))),
    ])
}
