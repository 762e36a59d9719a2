//! Each thing that must not be in a tenant's books is found.

use super::findings::TenantBooks;
use crate::base::id::{ModelId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::money::{
    Account, Allowance, Budget, EntryKind, Hold, LedgerEntry, MicroUsd, Payment, RollOver, Zone,
};
use crate::domain::task::{NewTask, State, Task};

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
