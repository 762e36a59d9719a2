//! Each thing that must not be in a tenant's books is found.

use super::check::{BooksCheck, BooksFinding};
use crate::base::id::{ModelId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::metering::day_sums::{AccountDays, DayRow, Origin, Standing, Sums};
use crate::domain::money::{
    Account, Allowance, Budget, EntryKind, Hold, LedgerEntry, MicroUsd, Payment, RollOver, Zone,
};
use crate::domain::task::{BookedTask, NewTask, Refund, State, Task};
use crate::port::{BooksPart, BooksStanding};

/// What is there at one moment.
struct TenantBooks {
    account: Account,
    /// `None` while they are filled in.
    days: Option<Vec<Sums>>,
    ledger: Vec<LedgerEntry>,
    tasks: Vec<Task>,
    removed_to: Option<TaskId>,
}

impl TenantBooks {
    /// Read in two parts, the operator's entries apart from the tasks with theirs.
    fn findings(&self) -> Vec<BooksFinding> {
        let mut check = BooksCheck::of(BooksStanding {
            account: self.account.clone(),
            days: self.days(),
            removed_to: self.removed_to.clone(),
        });
        let is_operator_s =
            |entry: &LedgerEntry| entry.kind == EntryKind::Refund || !entry.kind.is_of_a_task();
        let (entries, of_tasks) = self.ledger.iter().cloned().partition(is_operator_s);
        check.add(&BooksPart {
            entries,
            tasks: Vec::new(),
        });
        check.add(&BooksPart {
            entries: of_tasks,
            tasks: self.tasks.iter().map(BookedTask::of).collect(),
        });
        check.findings()
    }

    fn days(&self) -> AccountDays {
        let row = |sums: &Sums| DayRow {
            day: crate::base::day::Day::FIRST,
            origin: Origin::default(),
            sums: sums.clone(),
            is_filled: false,
        };
        let rows = self.days.iter().flatten().map(row);
        AccountDays {
            zone: Zone::default(),
            is_complete: self.days.is_some(),
            rows: rows.collect(),
            standing: Standing::default(),
        }
    }
}

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
        metadata: crate::base::labels::Labels::default(),
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
        reason: None,
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
        days: None,
        ledger: vec![entry(EntryKind::TopUp, "a", 100), capture(1), capture(2)],
        tasks: vec![
            task(1, State::Completed, 10),
            task(2, State::Completed, 10),
            task(3, State::Submitted, 0),
            task(4, State::Failed, 0),
        ],
        removed_to: None,
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

/// With a credit of 10, a debit of 4, a void of 100 and a refund of 5 of the first task.
fn mended() -> TenantBooks {
    let mut books = sound();
    books.ledger.extend([
        entry(EntryKind::TopUp, "typo", 100),
        entry(EntryKind::Void, "typo", 100),
        entry(EntryKind::AdjustmentCredit, "a", 10),
        entry(EntryKind::AdjustmentDebit, "a", 4),
        entry(EntryKind::Refund, &format!("{:032}", 1), 5),
    ]);
    books.tasks[0].refund = Some(Refund::new(MicroUsd(5), "r", Timestamp(0)));
    books.account.available = MicroUsd(81);
    books.account.captured = MicroUsd(15);
    books
}

#[test]
fn what_was_mended_must_agree_with_the_account_and_the_tasks() {
    let with = |change: fn(&mut TenantBooks)| {
        let mut books = mended();
        change(&mut books);
        codes(&books)
    };

    assert_eq!(mended().findings(), []);
    assert_eq!(
        with(|books| books.account.available = MicroUsd(82)),
        ["total"]
    );
    assert_eq!(with(|books| books.tasks[0].refund = None), ["refunded"]);
    assert_eq!(
        with(|books| drop(books.ledger.pop())),
        ["captured", "refunded"]
    );
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

/// With holds in the ledger, and days that add it up.
fn summed() -> TenantBooks {
    let mut books = sound();
    let (live, ended) = (&books.tasks[2], &books.tasks[0]);
    let holds = [live, ended].map(|task| entry(EntryKind::Hold, task.id.as_str(), 10));
    books.account = Account {
        available: MicroUsd(80),
        held: MicroUsd(10),
        captured: MicroUsd(10),
        in_flight: 1,
        ..Account::default()
    };
    books.tasks = vec![ended.clone(), live.clone()];
    books.ledger = vec![entry(EntryKind::TopUp, "a", 100), capture(1)];
    books.days = Some(books.ledger.iter().map(Sums::of_entry).collect());
    for hold in holds {
        books
            .days
            .as_mut()
            .unwrap()
            .push(Sums::of_hold(hold.amount));
        books.ledger.push(hold);
    }
    books
}

#[test]
fn daily_sums_must_agree_with_the_ledger_and_lead_to_the_account() {
    let with = |change: fn(&mut Vec<Sums>)| {
        let mut books = summed();
        change(books.days.as_mut().unwrap());
        codes(&books)
    };

    assert_eq!(summed().findings(), []);
    assert_eq!(
        with(|days| drop(days.pop())),
        ["days", "days_standing", "days"],
        "a hold is missing: its amount, what is held, and the request"
    );
    assert_eq!(
        with(|days| days.push(Sums::of_entry(&entry(EntryKind::Capture, "b", 1)))),
        ["days", "days_standing", "days_standing"]
    );
    assert_eq!(
        with(|days| days.push(Sums {
            requests: 1,
            ..Sums::default()
        })),
        ["days"]
    );
    let filling = TenantBooks {
        days: None,
        ..summed()
    };
    assert_eq!(filling.findings(), [], "they are still to be filled in");
}

#[test]
fn of_very_many_wrong_captures_the_number_is_told() {
    let mut books = sound();
    let captures = (1_000..3_000_u32).map(|n| entry(EntryKind::Capture, &n.to_string(), 0));
    books.ledger.extend(captures);

    let findings = books.findings();

    assert_eq!(findings.len(), 1_001);
    assert_eq!(
        findings.last().map(|found| found.text.as_str()),
        Some("1000 more captures do not agree with tasks")
    );
}

#[test]
fn of_tasks_that_were_removed_the_ledger_is_taken_as_it_is() {
    let removed = |change: fn(&mut TenantBooks)| {
        let mut books = postpaid();
        books.tasks.remove(0);
        books.account.allowance = None;
        books.removed_to = Some(TaskId::parse(&format!("{:032}", 1)).unwrap());
        change(&mut books);
        codes(&books)
    };
    let refund = |books: &mut TenantBooks| {
        books.ledger.push(LedgerEntry {
            kind: EntryKind::Refund,
            ..capture(1)
        });
        books.account.captured = MicroUsd(10);
        books.account.credit = MicroUsd(10);
    };

    assert_eq!(removed(|_| {}), [""; 0]);
    assert_eq!(removed(refund), [""; 0]);
    assert_eq!(
        removed(|books| books.removed_to = None),
        ["credit_captured", "captured_for_nothing"]
    );
    assert_eq!(
        removed(|books| books.ledger.push(capture(5))),
        ["captured", "captured_for_nothing"],
        "a task that is too young to have been removed"
    );
}
