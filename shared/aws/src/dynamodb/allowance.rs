//! The monthly budget within the account's item: its terms as JSON, its month in attributes that conditions can speak of.

use fluxgate_core::money::{Allowance, Hold, MicroUsd, Settlement};
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, number, text};
use super::json_item::{from_text, to_text};
use super::write::Write;

/// The terms; left out once the budget was taken away.
const BUDGET: &str = "budget";
const PERIOD: &str = "period";
const MONTH: &str = "month";
const CARRIED: &str = "carried";
const MONTH_HELD: &str = "month_held";
const SPENT: &str = "spent";
/// `limit + carried - month_held - spent`: conditions cannot add.
const LEFT: &str = "left";

/// Nobody may take money past a budget that he does not know of.
pub(super) const NO_BUDGET: &str = "attribute_not_exists(#budget)";

pub(super) fn from_item(item: &Item) -> Result<Option<Allowance>> {
    let reader = Reader(item);
    let Some(period) = reader.optional_number(PERIOD)? else { return Ok(None) };
    let amount = |name| reader.number(name).map(MicroUsd);
    let allowance = Allowance {
        budget: reader.optional_text(BUDGET)?.map(from_text).transpose()?,
        period,
        month: reader.text(MONTH)?.parse()?,
        carried: amount(CARRIED)?,
        held: amount(MONTH_HELD)?,
        spent: amount(SPENT)?,
    };
    if allowance.budget.is_some() && allowance.left() != amount(LEFT)? {
        let text = "the 'left' of a stored budget is not limit + carried - month_held - spent";
        return Err(Error::internal("row_unreadable", text));
    }
    Ok(Some(allowance))
}

/// Moves from one state of the budget to the next that a hold of this price brought; only while it still is as it was read, as far
/// as that matters.
pub(super) fn hold(write: Write, before: &Allowance, after: &Allowance, price: MicroUsd) -> Result<Write> {
    if before.period != after.period {
        return replace(write, Some(before), Some(after));
    }
    let terms = after.budget.as_ref().map(to_text).transpose()?.unwrap_or_default();
    let write = write.and("#budget = :budget_is AND #period = :period_is AND #left >= :left");
    Ok(write
        .with(":budget_is", text(terms))
        .with(":period_is", number(before.period))
        .decrease(LEFT, number(price.0))
        .increase(MONTH_HELD, number(price.0)))
}

/// Ends a hold in its period, if that is the running one.
pub(super) fn settle(write: Write, hold: &Hold, settlement: Settlement) -> Write {
    let Some(period) = hold.period else { return write };
    let whole = MicroUsd(settlement.capture.0 + settlement.release.0);
    write
        .and("#period = :period_is")
        .with(":period_is", number(period))
        .decrease(MONTH_HELD, number(whole.0))
        .increase(SPENT, number(settlement.capture.0))
        .increase(LEFT, number(settlement.release.0))
}

/// Writes the whole of it over what was read.
pub(super) fn replace(write: Write, before: Option<&Allowance>, after: Option<&Allowance>) -> Result<Write> {
    let write = match before {
        None => write.and("attribute_not_exists(#period)"),
        Some(before) => {
            let same =
                "#period = :period_was AND #month_held = :held_was AND #spent = :spent_was AND #carried = :carried_was";
            let write = write
                .and(same)
                .with(":period_was", number(before.period))
                .with(":held_was", number(before.held.0))
                .with(":spent_was", number(before.spent.0))
                .with(":carried_was", number(before.carried.0));
            match &before.budget {
                Some(budget) => write.and("#budget = :budget_was").with(":budget_was", text(to_text(budget)?)),
                None => write.and(NO_BUDGET),
            }
        }
    };
    let Some(after) = after else { return Ok(write) };
    Ok(write
        .set_or_remove(BUDGET, after.budget.as_ref().map(to_text).transpose()?.map(text))
        .set(PERIOD, number(after.period))
        .set(MONTH, text(after.month.to_string()))
        .set(CARRIED, number(after.carried.0))
        .set(MONTH_HELD, number(after.held.0))
        .set(SPENT, number(after.spent.0))
        .set(LEFT, number(after.left().0)))
}
