//! What one reading of a tenant's books shows to be wrong. Pure.

use std::collections::BTreeMap;

use crate::domain::money::{Account, EntryKind, LedgerEntry, MicroUsd};
use crate::domain::task::{State, Task};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooksFinding {
    /// Stable, snake case.
    pub code: &'static str,
    /// The amounts, and the task if it is about one.
    pub text: String,
}

/// What is there at one moment.
pub(super) struct TenantBooks {
    pub(super) account: Account,
    pub(super) ledger: Vec<LedgerEntry>,
    pub(super) tasks: Vec<Task>,
}

impl TenantBooks {
    pub(super) fn findings(&self) -> Vec<BooksFinding> {
        let mut findings = self.sums();
        findings.extend(self.captures());
        findings.extend(self.in_flight());
        findings.extend(self.month());
        findings
    }

    fn sums(&self) -> Vec<BooksFinding> {
        let Account {
            available,
            held,
            captured,
            credit,
            ..
        } = self.account;
        let there = sum([available, held, captured]);
        let paid = self.entered(EntryKind::TopUp) + sum([credit]);
        let lent = self.entered(EntryKind::Credit);
        let (live_lent, charged_lent) = self.of(|task| task.hold.on_credit);
        let checks = [
            (
                "total",
                "available, held and captured",
                there,
                "topped up and lent",
                paid,
            ),
            (
                "held",
                "held",
                sum([held]),
                "the price of the tasks that run",
                self.of(|_| true).0,
            ),
            (
                "captured",
                "captured",
                sum([captured]),
                "captured in the ledger",
                self.entered(EntryKind::Capture),
            ),
            (
                "credit",
                "lent",
                sum([credit]),
                "lent in the ledger and to tasks that run",
                lent + live_lent,
            ),
            (
                "credit_captured",
                "lent in the ledger",
                lent,
                "charged on credit",
                charged_lent,
            ),
        ];
        let wrong = checks
            .into_iter()
            .filter(|(_, _, is, _, must_be)| is != must_be);
        wrong
            .map(|(code, what, is, of, must_be)| {
                finding(code, format!("{what}: {}; {of}: {}", usd(is), usd(must_be)))
            })
            .collect()
    }

    /// What of the tasks is live, by price, and what they were charged.
    fn of(&self, which: impl Fn(&Task) -> bool) -> (i128, i128) {
        let (live, ended): (Vec<&Task>, Vec<&Task>) = self
            .tasks
            .iter()
            .filter(|task| which(task))
            .partition(|task| !task.state.is_end());
        (
            sum(live.iter().map(|task| task.price)),
            sum(ended.iter().map(|task| task.charged)),
        )
    }

    fn in_flight(&self) -> Vec<BooksFinding> {
        let counted = self
            .tasks
            .iter()
            .filter(|task| task.hold.counted && !task.state.is_end())
            .count();
        let there = self.account.in_flight;
        if u32::try_from(counted) == Ok(there) {
            return Vec::new();
        }
        vec![finding(
            "in_flight",
            format!("in flight: {there}; tasks that run and were counted: {counted}"),
        )]
    }

    /// What the running month counts is what its tasks are, and fits the budget.
    fn month(&self) -> Vec<BooksFinding> {
        let Some(allowance) = &self.account.allowance else {
            return Vec::new();
        };
        let (held, spent) = self.of(|task| allowance.takes(&task.hold, task.created_at));
        let checks = [
            (
                "budget_held",
                "held",
                allowance.held,
                "the price of its tasks that run",
                held,
            ),
            (
                "budget_spent",
                "spent",
                allowance.spent,
                "charged for its tasks",
                spent,
            ),
        ];
        let wrong = checks
            .into_iter()
            .filter(|(_, _, is, _, must_be)| sum([*is]) != *must_be);
        let mut findings: Vec<BooksFinding> = wrong
            .map(|(code, what, is, of, must_be)| {
                finding(
                    code,
                    format!(
                        "{what} in {}: {is}; {of}: {}",
                        allowance.month,
                        usd(must_be)
                    ),
                )
            })
            .collect();
        if allowance.left() < MicroUsd::ZERO {
            let text = format!(
                "{} of the budget of {} is left",
                allowance.left(),
                allowance.month
            );
            findings.push(finding("budget_overspent", text));
        }
        findings
    }

    /// Every completed task is captured once, with what it was charged; no other task is.
    fn captures(&self) -> Vec<BooksFinding> {
        let mut captures: BTreeMap<&str, Vec<MicroUsd>> = BTreeMap::new();
        for entry in self
            .ledger
            .iter()
            .filter(|entry| entry.kind == EntryKind::Capture)
        {
            captures
                .entry(&entry.reference)
                .or_default()
                .push(entry.amount);
        }
        let mut findings = Vec::new();
        for task in &self.tasks {
            let captured = captures.remove(task.id.as_str()).unwrap_or_default();
            let charged = if task.state == State::Completed {
                task.charged
            } else {
                MicroUsd::ZERO
            };
            let code = match captured[..] {
                [] if charged == MicroUsd::ZERO => continue,
                [amount] if amount == charged => continue,
                [] => "not_captured",
                _ if task.state != State::Completed => "captured_unfinished",
                [_] => "captured_wrongly",
                _ => "captured_twice",
            };
            let (id, state, sum) = (&task.id, task.state.as_str(), usd(sum(captured)));
            findings.push(finding(
                code,
                format!("task {id} is {state}, charged {charged} and captured {sum}"),
            ));
        }
        let orphans = captures.into_iter().map(|(reference, amounts)| {
            finding(
                "captured_for_nothing",
                format!(
                    "{} captured for {reference}, which is no task",
                    usd(sum(amounts))
                ),
            )
        });
        findings.extend(orphans);
        findings
    }

    fn entered(&self, kind: EntryKind) -> i128 {
        sum(self
            .ledger
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| entry.amount))
    }
}

fn finding(code: &'static str, text: String) -> BooksFinding {
    BooksFinding { code, text }
}

/// Whatever is in the books, adding it up must not fail.
fn sum(amounts: impl IntoIterator<Item = MicroUsd>) -> i128 {
    amounts.into_iter().map(|amount| i128::from(amount.0)).sum()
}

fn usd(micros: i128) -> String {
    i64::try_from(micros).map_or_else(
        |_| format!("{micros} micro-USD"),
        |micros| MicroUsd(micros).to_string(),
    )
}
