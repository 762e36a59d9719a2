//! Statements as CSV for spreadsheets (RFC 4180): one line for each amount, so that the statements
//! of many tenants are one table. The changes of a statement add up to what its balance did.

use super::StatementView;
use crate::base::csv::{Cell, csv as table};
use crate::domain::money::MicroUsd;

const HEADER: [&str; 13] = [
    "tenant",
    "month",
    "time_zone",
    "item",
    "kind",
    "model",
    "key",
    "tasks",
    "amount_micro_usd",
    "amount_usd",
    "change_usd",
    "final",
    "deleted",
];

/// A header line, and the lines of each statement: `opening`, `movement`, `usage`,
/// `earlier_submits`, `closing`.
pub fn csv(statements: &[StatementView]) -> String {
    table(HEADER, statements.iter().flat_map(lines))
}

/// One amount of a statement.
#[derive(Default)]
struct Line<'a> {
    item: &'a str,
    kind: &'a str,
    model: &'a str,
    key: &'a str,
    tasks: Option<u64>,
    amount: i64,
    /// What it does to the balance; only movements say it.
    change: Option<i64>,
}

impl<'a> Line<'a> {
    fn plain(item: &'a str, kind: &'a str, amount: i64) -> Self {
        Self {
            item,
            kind,
            amount,
            ..Self::default()
        }
    }

    fn cells(&self, of: &StatementView) -> Vec<Cell> {
        let tasks = self.tasks.map(|tasks| tasks.to_string());
        let change = self.change.map(|change| MicroUsd(change).decimal());
        vec![
            Cell::text(&of.tenant),
            Cell::text(&of.month),
            Cell::text(&of.time_zone),
            Cell::text(self.item),
            Cell::text(self.kind),
            Cell::text(self.model),
            Cell::text(self.key),
            Cell::number(&tasks.unwrap_or_default()),
            Cell::number(&self.amount),
            Cell::number(&MicroUsd(self.amount).decimal()),
            Cell::number(&change.unwrap_or_default()),
            Cell::text(&of.is_final),
            Cell::text(&of.is_deleted),
        ]
    }
}

fn lines(statement: &StatementView) -> Vec<Vec<Cell>> {
    let plain = Line::plain;
    let mut lines = vec![
        plain("opening", "balance", statement.opening_balance_micro_usd),
        plain("opening", "held", statement.opening_held_micro_usd),
    ];
    for movement in &statement.movements {
        lines.push(Line {
            change: Some(movement.change_micro_usd),
            ..plain("movement", &movement.kind, movement.amount_micro_usd)
        });
    }
    for usage in &statement.usage {
        let of = |kind, amount| Line {
            model: &usage.model,
            key: usage.key.as_deref().unwrap_or_default(),
            ..plain("usage", kind, amount)
        };
        lines.push(Line {
            tasks: Some(usage.completed),
            ..of("charged", usage.charged_micro_usd)
        });
        if usage.refunded_micro_usd != 0 {
            lines.push(of("refunded", usage.refunded_micro_usd));
        }
    }
    let earlier = statement.earlier_submits_micro_usd;
    lines.extend([
        plain("earlier_submits", "charged", earlier),
        plain("closing", "balance", statement.closing_balance_micro_usd),
        plain("closing", "held", statement.closing_held_micro_usd),
    ]);
    lines.iter().map(|line| line.cells(statement)).collect()
}
