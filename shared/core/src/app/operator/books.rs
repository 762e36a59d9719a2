//! Whether a tenant's account, its ledger and its tasks tell the same story. Changes nothing.

use std::collections::BTreeMap;

use super::Operator;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{TaskId, TenantId};
use crate::domain::money::{Account, EntryKind, LedgerEntry, MicroUsd};
use crate::domain::task::{State, Task};
use crate::port::{AccountStore, TaskStore};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooksFinding {
    /// Stable, snake case.
    pub code: &'static str,
    /// The amounts, and the task if it is about one.
    pub text: String,
}

/// What is there at one moment.
struct TenantBooks {
    account: Account,
    ledger: Vec<LedgerEntry>,
    tasks: Vec<Task>,
}

/// Tasks read at once.
const PAGE: usize = 200;
/// How often the books are read while they keep moving.
const READINGS_MAX: usize = 8;

impl Operator {
    /// See [`check_books`].
    pub async fn check_books(&self, tenant: &TenantId) -> Result<Vec<BooksFinding>> {
        check_books(self.context.accounts(), self.context.tasks(), tenant).await
    }
}

/// Checks one tenant's books, also those of a tenant that was deleted. No finding means that they
/// are right.
///
/// Kind `Conflict` with code `books_moving` when the account moved during each reading.
pub async fn check_books(
    accounts: &dyn AccountStore,
    tasks: &dyn TaskStore,
    tenant: &TenantId,
) -> Result<Vec<BooksFinding>> {
    let mut before: Option<Vec<BooksFinding>> = None;
    for _ in 0..READINGS_MAX {
        let Some(books) = settled_books(accounts, tasks, tenant).await? else {
            continue;
        };
        let findings = books.findings();
        // A task that began and ended within the reading looks wrong once, never twice in the same
        // way.
        if findings.is_empty() || before.as_ref() == Some(&findings) {
            return Ok(findings);
        }
        before = Some(findings);
    }
    let text = format!(
        "the account of '{tenant}' moved all the time; check again when fewer of its tasks run"
    );
    Err(Error::new(Kind::Conflict, "books_moving", text))
}

/// `None` when the account moved while the rest was read.
async fn settled_books(
    accounts: &dyn AccountStore,
    store: &dyn TaskStore,
    tenant: &TenantId,
) -> Result<Option<TenantBooks>> {
    let account = accounts.account(tenant).await?;
    let ledger = accounts.ledger(tenant).await?;
    let mut tasks: Vec<Task> = Vec::new();
    loop {
        let before: Option<TaskId> = tasks.last().map(|task| task.id.clone());
        let page = store.list(tenant, before.as_ref(), PAGE).await?;
        let last = page.len() < PAGE;
        tasks.extend(page);
        if last {
            break;
        }
    }
    let settled = accounts.account(tenant).await? == account;
    Ok(settled.then_some(TenantBooks {
        account,
        ledger,
        tasks,
    }))
}

impl TenantBooks {
    fn findings(&self) -> Vec<BooksFinding> {
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
        let (live, over): (Vec<&Task>, Vec<&Task>) = self
            .tasks
            .iter()
            .filter(|task| which(task))
            .partition(|task| !task.state.is_end());
        (
            sum(live.iter().map(|task| task.price)),
            sum(over.iter().map(|task| task.charged)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::ModelId;
    use crate::base::time::Timestamp;
    use crate::domain::money::{Allowance, Budget, Hold, Payment, RollOver, Zone};
    use crate::domain::task::NewTask;

    fn task(n: u8, state: State, charged: i64) -> Task {
        let new = NewTask {
            tenant: TenantId::parse("acme").unwrap(),
            id: TaskId::parse(&format!("{n:032}")).unwrap(),
            model: ModelId::parse("a/b").unwrap(),
            price: MicroUsd(10),
            cost: MicroUsd(8),
            outputs_asked: 1,
            makes: None,
            callback: None,
        };
        let hold = Hold {
            counted: true,
            ..Hold::default()
        };
        Task {
            state,
            hold,
            charged: MicroUsd(charged),
            ..Task::admitted(new, Timestamp(0))
        }
    }

    fn entry(kind: EntryKind, reference: &str, amount: i64) -> LedgerEntry {
        LedgerEntry {
            kind,
            reference: reference.to_owned(),
            amount: MicroUsd(amount),
            at: Timestamp(0),
        }
    }

    fn capture(n: u8) -> LedgerEntry {
        entry(EntryKind::Capture, &format!("{n:032}"), 10)
    }

    fn sound() -> TenantBooks {
        TenantBooks {
            account: Account {
                available: MicroUsd(70),
                held: MicroUsd(10),
                captured: MicroUsd(20),
                in_flight: 1,
                ..Account::default()
            },
            ledger: vec![entry(EntryKind::TopUp, "a", 100), capture(1), capture(2)],
            tasks: vec![
                task(1, State::Completed, 10),
                task(2, State::Completed, 10),
                task(3, State::Submitted, 0),
                task(4, State::Failed, 0),
            ],
        }
    }

    /// As if the first and the third task were a postpaid tenant's, of a budget of 30.
    fn postpaid() -> TenantBooks {
        let mut books = sound();
        for n in [0, 2] {
            books.tasks[n].hold = Hold {
                on_credit: true,
                period: Some(4),
                counted: true,
                ..Hold::default()
            };
        }
        books.account.available = MicroUsd(90);
        books.account.credit = MicroUsd(20);
        books.ledger.push(LedgerEntry {
            kind: EntryKind::Credit,
            ..capture(1)
        });
        books.account.allowance = Some(Allowance {
            budget: Some(Budget {
                limit_micro_usd: MicroUsd(30),
                time_zone: Zone::parse("UTC").unwrap(),
                roll_over: RollOver::None,
                payment: Payment::Postpaid,
            }),
            period: 4,
            month: "2026-11".parse().unwrap(),
            carried: MicroUsd(0),
            held: MicroUsd(10),
            spent: MicroUsd(10),
            since: None,
            counted: true,
            count: None,
        });
        books
    }

    #[test]
    fn what_is_lent_and_what_a_month_counts_must_agree_with_the_tasks() {
        let with = |change: fn(&mut TenantBooks)| {
            let mut books = postpaid();
            change(&mut books);
            codes(&books)
        };
        fn month(books: &mut TenantBooks) -> &mut Allowance {
            books.account.allowance.as_mut().unwrap()
        }

        assert_eq!(postpaid().findings(), []);
        assert_eq!(
            with(|books| books.account.credit = MicroUsd(21)),
            ["total", "credit"]
        );
        assert_eq!(
            with(|books| drop(books.ledger.pop())),
            ["credit", "credit_captured"]
        );
        assert_eq!(with(|books| books.account.in_flight = 2), ["in_flight"]);
        assert_eq!(
            with(|books| month(books).held = MicroUsd(9)),
            ["budget_held"]
        );
        assert_eq!(
            with(|books| month(books).spent = MicroUsd(11)),
            ["budget_spent"]
        );
        assert_eq!(
            with(|books| books.tasks[0].hold.period = Some(3)),
            ["budget_spent"]
        );
        let low = |books: &mut TenantBooks| {
            month(books).budget.as_mut().unwrap().limit_micro_usd = MicroUsd(19)
        };
        assert_eq!(with(low), ["budget_overspent"]);
    }

    fn codes(books: &TenantBooks) -> Vec<&'static str> {
        books
            .findings()
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    #[test]
    fn sound_books_give_no_finding() {
        assert_eq!(sound().findings(), []);
    }

    #[test]
    fn each_thing_that_must_not_be_is_found() {
        let with = |change: fn(&mut TenantBooks)| {
            let mut books = sound();
            change(&mut books);
            codes(&books)
        };

        assert_eq!(
            with(|books| books.account.available = MicroUsd(69)),
            ["total"]
        );
        assert_eq!(
            with(|books| books.tasks[2].state = State::Timeout),
            ["held", "in_flight"]
        );
        assert_eq!(
            with(|books| drop(books.ledger.pop())),
            ["captured", "not_captured"]
        );
        assert_eq!(
            with(|books| books.ledger.push(capture(2))),
            ["captured", "captured_twice"]
        );
        assert_eq!(
            with(|books| books.ledger.push(capture(4))),
            ["captured", "captured_unfinished"]
        );
        assert_eq!(
            with(|books| books.ledger.push(capture(5))),
            ["captured", "captured_for_nothing"]
        );
        assert_eq!(
            with(|books| books.tasks[0].charged = MicroUsd(9)),
            ["captured_wrongly"]
        );
    }
}
