//! `fluxgate ledger`.

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::day::Day;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{EntryKind, LedgerEntry, LedgerLine, MicroUsd, ledger_csv};
use fluxgate_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::AdminArgs;
use super::print::{self, Facts, PrintArgs};
use crate::client::Admin;
use crate::values::day;

#[derive(Args)]
pub(super) struct LedgerArgs {
    /// The tenant; a deleted one works too
    tenant: TenantId,
    /// The first day, such as 2026-11-01 [default: 29 days before the last one]
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<Day>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<Day>,
    /// Print CSV: a header line and a line for each entry
    #[arg(long, conflicts_with_all = ["json", "quiet"])]
    csv: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Entries read at once.
const LIMIT: &str = "1000";

#[derive(Deserialize)]
struct Page {
    from: String,
    to: String,
    #[serde(rename = "opening_balance_micro_usd")]
    opening: MicroUsd,
    entries: Vec<Entry>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    at: String,
    kind: EntryKind,
    reference: String,
    #[serde(rename = "amount_micro_usd")]
    amount: MicroUsd,
    #[serde(rename = "balance_micro_usd")]
    balance: MicroUsd,
    reason: Option<String>,
}

impl Entry {
    fn line(self) -> Result<LedgerLine> {
        let at = Timestamp::from_rfc3339(&self.at)
            .with_context(|| format!("the answer has '{}' for a time", self.at))?;
        Ok(LedgerLine {
            entry: LedgerEntry {
                kind: self.kind,
                reference: self.reference,
                amount: self.amount,
                at,
                reason: self.reason,
            },
            balance: self.balance,
        })
    }
}

pub(super) async fn run(args: LedgerArgs) -> Result<()> {
    let admin = args.admin.admin()?;
    let mut pages = Pages::of(&args, &admin);
    if args.csv {
        return print_csv(&mut pages).await;
    }
    let mut lines = Vec::new();
    while let Some(page) = pages.next().await? {
        lines.extend(page);
    }
    if lines.is_empty() {
        args.print.note("the ledger has no entries in these days");
    }
    let closing = lines.last().map_or(pages.opening, |line| line.balance);
    args.print.print(&Facts {
        quiet: closing.decimal(),
        text: table(pages.from.as_deref(), pages.opening, &lines),
        json: json!({
            "tenant": args.tenant, "from": pages.from, "to": pages.to,
            "opening_balance_usd": pages.opening.decimal(),
            "closing_balance_usd": closing.decimal(),
            "entries": lines.iter().map(view).collect::<Vec<_>>(),
        }),
    })
}

/// What is left to read. The days of the first page are those of all.
struct Pages<'a> {
    admin: &'a Admin,
    path: String,
    from: Option<String>,
    to: Option<String>,
    /// Before the first entry.
    opening: MicroUsd,
    cursor: Option<String>,
    is_done: bool,
}

impl<'a> Pages<'a> {
    fn of(args: &LedgerArgs, admin: &'a Admin) -> Self {
        let text = |day: Option<Day>| day.map(|day| day.to_string());
        Self {
            admin,
            path: format!("/tenants/{}/ledger", args.tenant),
            from: text(args.from),
            to: text(args.to),
            opening: MicroUsd::ZERO,
            cursor: None,
            is_done: false,
        }
    }

    /// The first page, even if it is empty, and those that follow.
    async fn next(&mut self) -> Result<Option<Vec<LedgerLine>>> {
        if self.is_done {
            return Ok(None);
        }
        let given = [
            ("from", self.from.as_deref()),
            ("to", self.to.as_deref()),
            ("cursor", self.cursor.as_deref()),
            ("limit", Some(LIMIT)),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let query: Vec<(&str, &str)> = given.collect();
        let page: Page = self.admin.get(&self.path, &query).await?;
        if self.cursor.is_none() {
            self.opening = page.opening;
        }
        (self.from, self.to) = (Some(page.from), Some(page.to));
        self.is_done = page.next.is_none();
        self.cursor = page.next;
        page.entries
            .into_iter()
            .map(Entry::line)
            .collect::<Result<_>>()
            .map(Some)
    }
}

/// The columns are named once.
async fn print_csv(pages: &mut Pages<'_>) -> Result<()> {
    let mut is_first = true;
    while let Some(page) = pages.next().await? {
        let text = ledger_csv(&page);
        let lines = text.split_once("\r\n").map_or("", |(_, lines)| lines);
        print::text(if is_first { &text } else { lines })?;
        is_first = false;
    }
    Ok(())
}

fn view(LedgerLine { entry, balance }: &LedgerLine) -> Value {
    json!({
        "at": entry.at.rfc3339(), "kind": entry.kind, "reference": entry.reference,
        "amount_usd": entry.amount.decimal(), "change_usd": entry.change().decimal(),
        "balance_usd": balance.decimal(), "reason": entry.reason,
    })
}

fn table(from: Option<&str>, opening: MicroUsd, lines: &[LedgerLine]) -> String {
    let from = from.unwrap_or_default();
    let opening = opening.to_string();
    let opening = format!("{from:<24}  {:<66}  {opening:>12}\n", "balance");
    let lines = lines.iter().map(|LedgerLine { entry, balance }| {
        let LedgerEntry {
            kind,
            reference,
            amount,
            at,
            reason,
        } = entry;
        let (at, kind) = (at.rfc3339(), kind.as_str());
        // What changes no balance is in brackets.
        let amount = match entry.change() {
            MicroUsd::ZERO => format!("({amount})"),
            change => change.to_string(),
        };
        let (balance, reason) = (balance.to_string(), reason.as_deref().unwrap_or_default());
        format!("{at}  {kind:<17}  {reference:<33}  {amount:>12}  {balance:>12}  {reason}\n")
    });
    std::iter::once(opening).chain(lines).collect()
}
