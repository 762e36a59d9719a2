//! What one reading of a tenant's books shows to be wrong. Pure.

use std::collections::BTreeMap;

use super::removed::Removed;
use super::sums::{Entered, TaskSums};
use crate::domain::metering::day_sums::{AccountDays, Standing};
use crate::domain::money::{Account, Allowance, EntryKind, LedgerEntry, MicroUsd};
use crate::domain::task::{BookedTask, State};
use crate::port::{BooksPart, BooksStanding};

/// Tasks that are told one by one; of more of them the number is told.
const TOLD_MAX: usize = 1_000;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooksFinding {
    /// Stable, snake case.
    pub code: &'static str,
    /// The amounts, and the task if it is about one.
    pub text: String,
}

/// Adds up the parts of one reading.
pub(super) struct BooksCheck {
    account: Account,
    days: AccountDays,
    removed: Removed,
    entered: Entered,
    all: TaskSums,
    /// Of what was held on credit.
    lent: TaskSums,
    /// Of what the running month counts.
    month: TaskSums,
    /// Tasks that run and were counted.
    in_flight: usize,
    /// About single tasks.
    wrong: Vec<BooksFinding>,
    untold: usize,
}

impl BooksCheck {
    pub(super) fn of(standing: BooksStanding) -> Self {
        Self {
            account: standing.account,
            days: standing.days,
            removed: Removed::to(standing.removed_to),
            entered: Entered::default(),
            all: TaskSums::default(),
            lent: TaskSums::default(),
            month: TaskSums::default(),
            in_flight: 0,
            wrong: Vec::new(),
            untold: 0,
        }
    }

    pub(super) fn add(&mut self, part: &BooksPart) {
        for entry in &part.entries {
            self.entered.add(entry);
        }
        for task in &part.tasks {
            self.add_task(task);
        }
        self.removed.add(part);
        self.captures(part);
    }

    fn add_task(&mut self, task: &BookedTask) {
        self.all.add(task);
        if task.hold.on_credit {
            self.lent.add(task);
        }
        let allowance = self.account.allowance.as_ref();
        if allowance.is_some_and(|month| month.takes(&task.hold, task.created_at)) {
            self.month.add(task);
        }
        self.in_flight += usize::from(task.hold.counted && !task.state.is_end());
    }

    /// Every completed task is captured once, with what it was charged; no other task is.
    fn captures(&mut self, part: &BooksPart) {
        let mut captures = captures_of(&part.entries);
        for task in &part.tasks {
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
            let text = format!("task {id} is {state}, charged {charged} and captured {sum}");
            self.tell(finding(code, text));
        }
        captures.retain(|reference, _| !self.removed.may_hold(reference));
        for (reference, amounts) in captures {
            let sum = usd(sum(amounts));
            let text = format!("{sum} captured for {reference}, which is no task");
            self.tell(finding("captured_for_nothing", text));
        }
    }

    fn tell(&mut self, finding: BooksFinding) {
        if self.wrong.len() < TOLD_MAX {
            self.wrong.push(finding);
        } else {
            self.untold += 1;
        }
    }

    pub(super) fn findings(self) -> Vec<BooksFinding> {
        let mut findings = self.sums();
        findings.extend(self.days());
        let more = (self.untold > 0).then(|| {
            let text = format!("{} more captures do not agree with tasks", self.untold);
            finding("more", text)
        });
        let (in_flight, month) = (self.in_flight(), self.month());
        findings.extend(self.wrong);
        findings.extend(more);
        findings.extend(in_flight);
        findings.extend(month);
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
        let amount = |kind| self.entered.amount(kind);
        let (lent, refunded) = (amount(EntryKind::Credit), amount(EntryKind::Refund));
        let paid_in = self.entered.change(|kind| !kind.is_of_a_task());
        let checks = [
            Compared {
                code: "total",
                what: "available, held and captured",
                is: sum([available, held, captured]),
                of: "paid in and lent",
                must_be: paid_in + sum([credit]),
            },
            Compared {
                code: "held",
                what: "held",
                is: sum([held]),
                of: "the price of the tasks that run",
                must_be: self.all.live,
            },
            Compared {
                code: "captured",
                what: "captured",
                is: sum([captured]),
                of: "captured and not refunded in the ledger",
                must_be: amount(EntryKind::Capture) - refunded,
            },
            Compared {
                code: "credit",
                what: "lent",
                is: sum([credit]),
                of: "lent in the ledger and to tasks that run, without refunds",
                must_be: lent + self.lent.live - self.lent.refunded - self.removed.repaid,
            },
            Compared {
                code: "credit_captured",
                what: "lent in the ledger",
                is: lent,
                of: "charged on credit",
                must_be: self.lent.charged + self.removed.lent,
            },
            Compared {
                code: "refunded",
                what: "refunded in the ledger",
                is: refunded,
                of: "refunded to tasks",
                must_be: self.all.refunded + self.removed.refunded(),
            },
        ];
        checks.into_iter().filter_map(Compared::finding).collect()
    }

    /// The daily sums come to what the ledger comes to, and lead to what the account has. Nothing
    /// is told while earlier days are still to be filled in.
    fn days(&self) -> Vec<BooksFinding> {
        if !self.days.is_complete {
            return Vec::new();
        }
        let total = self.days.total();
        let by_kind = EntryKind::ALL.into_iter().map(|kind| Compared {
            code: "days",
            what: kind.as_str(),
            is: sum([total.amount(kind)]),
            of: "in the ledger",
            must_be: self.entered.amount(kind),
        });
        let (closing, now) = (self.days.closing(), Standing::of(&self.account));
        let standings = [
            ("balance", closing.balance, now.balance),
            ("held", closing.held, now.held),
        ];
        let at_end = standings.into_iter().map(|(what, is, must_be)| Compared {
            code: "days_standing",
            what,
            is: sum([is]),
            of: "in the account",
            must_be: sum([must_be]),
        });
        let compared = by_kind.chain(at_end);
        let mut findings: Vec<BooksFinding> = compared
            .filter_map(Compared::finding)
            .map(|found| finding(found.code, format!("in the daily sums, {}", found.text)))
            .collect();
        let holds = self.entered.count(EntryKind::Hold);
        if total.requests != holds {
            let requests = total.requests;
            let text = format!("in the daily sums, requests: {requests}; in the ledger: {holds}");
            findings.push(finding("days", text));
        }
        findings
    }

    fn in_flight(&self) -> Option<BooksFinding> {
        let (there, counted) = (self.account.in_flight, self.in_flight);
        let text = || format!("in flight: {there}; tasks that run and were counted: {counted}");
        (u32::try_from(counted) != Ok(there)).then(|| finding("in_flight", text()))
    }

    /// What the running month counts is what its tasks are, and fits the budget.
    fn month(&self) -> Vec<BooksFinding> {
        let Some(allowance) = &self.account.allowance else {
            return Vec::new();
        };
        let checks = [
            (
                "budget_held",
                "held",
                allowance.held,
                "the price of its tasks that run",
                self.month.live,
            ),
            (
                "budget_spent",
                "spent",
                allowance.spent,
                "charged for its tasks and not refunded",
                self.month.charged - self.month.refunded,
            ),
        ];
        let wrong = checks
            .into_iter()
            .filter(|(_, _, is, _, must_be)| sum([*is]) != *must_be);
        let told = wrong.map(|(code, what, is, of, must_be)| {
            let (month, must_be) = (allowance.month, usd(must_be));
            finding(code, format!("{what} in {month}: {is}; {of}: {must_be}"))
        });
        told.chain(overspent(allowance)).collect()
    }
}

fn overspent(allowance: &Allowance) -> Option<BooksFinding> {
    let (left, month) = (allowance.left(), allowance.month);
    let text = || format!("{left} of the budget of {month} is left");
    (left < MicroUsd::ZERO).then(|| finding("budget_overspent", text()))
}

/// Two sums that must be the same.
struct Compared {
    code: &'static str,
    what: &'static str,
    is: i128,
    of: &'static str,
    must_be: i128,
}

impl Compared {
    fn finding(self) -> Option<BooksFinding> {
        let (what, of) = (self.what, self.of);
        let text = || format!("{what}: {}; {of}: {}", usd(self.is), usd(self.must_be));
        (self.is != self.must_be).then(|| finding(self.code, text()))
    }
}

/// What was captured, by reference.
fn captures_of(entries: &[LedgerEntry]) -> BTreeMap<&str, Vec<MicroUsd>> {
    let mut captures: BTreeMap<&str, Vec<MicroUsd>> = BTreeMap::new();
    for entry in entries {
        if entry.kind == EntryKind::Capture {
            let amounts = captures.entry(&entry.reference).or_default();
            amounts.push(entry.amount);
        }
    }
    captures
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
