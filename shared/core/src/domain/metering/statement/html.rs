//! Statements as one HTML page that loads nothing, each on a sheet of its own when it is printed.

use std::fmt::Write as _;

use super::{StatementUsage, StatementView};
use crate::domain::money::MicroUsd;

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Statement</title><style>
body { font: 11pt/1.4 system-ui, sans-serif; color: #111; margin: 2cm auto; max-width: 18cm; }
section { break-after: page; } section:last-child { break-after: auto; }
h1 { font-size: 16pt; margin: 0; } h2 { font-size: 12pt; margin: 1.5em 0 .3em; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ccc; padding: .25em .5em; text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
@page { margin: 2cm; } @media print { body { margin: 0; max-width: none; } }
</style></head><body>
"#;

/// A page with these statements.
pub fn html(statements: &[StatementView]) -> String {
    let mut page = HEAD.to_owned();
    statements
        .iter()
        .for_each(|statement| section(&mut page, statement));
    page + "</body></html>\n"
}

fn section(page: &mut String, statement: &StatementView) {
    let preliminary = if statement.is_final {
        ""
    } else {
        " – preliminary, the month is not over"
    };
    let deleted = if statement.is_deleted {
        " (deleted)"
    } else {
        ""
    };
    line(
        page,
        format_args!(
            "<section><h1>Statement {}</h1><p>{}{deleted}, {} to {} ({}){preliminary}</p>",
            statement.month,
            escaped(&statement.tenant),
            statement.from,
            statement.to,
            escaped(&statement.time_zone)
        ),
    );
    line(
        page,
        "<h2>Account</h2><table><tr><th></th><th class=\"n\">USD</th></tr>",
    );
    row(page, "Opening balance", statement.opening_balance_micro_usd);
    for movement in statement
        .movements
        .iter()
        .filter(|movement| movement.change_micro_usd != 0)
    {
        row(
            page,
            &movement.kind.replace('_', " "),
            movement.change_micro_usd,
        );
    }
    row(page, "Closing balance", statement.closing_balance_micro_usd);
    row(
        page,
        "Of that held by running tasks",
        statement.closing_held_micro_usd,
    );
    line(page, "</table>");
    usage(page, &statement.usage);
    line(
        page,
        format_args!(
            "<p>Charged for tasks that were submitted in an earlier month: {} USD.</p></section>",
            MicroUsd(statement.earlier_submits_micro_usd).decimal()
        ),
    );
}

fn usage(page: &mut String, lines: &[StatementUsage]) {
    line(
        page,
        "<h2>Usage</h2><table><tr><th>Model</th><th>Key</th><th class=\"n\">Tasks</th>\
         <th class=\"n\">Completed</th><th class=\"n\">Failed</th><th class=\"n\">USD</th></tr>",
    );
    for usage in lines {
        let number = |value: &dyn std::fmt::Display| format!("<td class=\"n\">{value}</td>");
        line(
            page,
            format_args!(
                "<tr><td>{}</td><td>{}</td>{}{}{}{}</tr>",
                escaped(&usage.model),
                escaped(usage.key.as_deref().unwrap_or("–")),
                number(&usage.requests),
                number(&usage.completed),
                number(&usage.failed),
                number(&usage.charged_usd)
            ),
        );
    }
    line(page, "</table>");
}

fn row(page: &mut String, name: &str, amount: i64) {
    let amount = MicroUsd(amount).decimal();
    line(
        page,
        format_args!(
            "<tr><td>{}</td><td class=\"n\">{amount}</td></tr>",
            escaped(name)
        ),
    );
}

fn line(page: &mut String, text: impl std::fmt::Display) {
    writeln!(page, "{text}").expect("memory takes every line");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
