//! Budgets across months: what is left, what is carried over, and clocks that go wrong.

use super::*;
use crate::base::error::Kind;
use crate::base::time::Timestamp;

pub(super) fn at(moment: &str) -> Timestamp {
    Timestamp::from_rfc3339(moment).unwrap()
}

pub(super) const NOVEMBER: &str = "2026-11-22T12:00:00Z";
pub(super) const DECEMBER: &str = "2026-12-03T12:00:00Z";

pub(super) fn budget(limit: i64, roll_over: RollOver, payment: Payment) -> Budget {
    Budget {
        limit_micro_usd: MicroUsd(limit),
        time_zone: Zone::parse("Europe/Berlin").unwrap(),
        roll_over,
        payment,
    }
}

pub(super) fn unused(cap: Option<i64>) -> RollOver {
    RollOver::Unused {
        cap_micro_usd: cap.map(MicroUsd),
    }
}

/// An account with 1,000 paid in and this budget, set in November.
pub(super) fn account(budget: Budget) -> Account {
    set(
        Account::default().top_up(MicroUsd(1_000)).unwrap(),
        Some(budget),
        NOVEMBER,
        USED_NOTHING,
    )
    .unwrap()
}

/// Held and captured.
pub(super) type Used = (i64, i64);
pub(super) const USED_NOTHING: Used = (0, 0);

/// The account with this budget. If the month's tasks are counted for it, they have used so much.
pub(super) fn set(
    account: Account,
    budget: Option<Budget>,
    moment: &str,
    used: Used,
) -> crate::base::error::Result<Account> {
    match account
        .clone()
        .set_budget(budget.clone(), at(moment), None)?
    {
        Setting::Ready(account) => Ok(account),
        Setting::Count(plan) => {
            let counting = account.begin_count(CountId(7), &plan);
            let tally = Tally::of(&counting.count().unwrap());
            let tally = Tally {
                held: MicroUsd(used.0),
                spent: MicroUsd(used.1),
                ..tally
            };
            match counting.set_budget(budget, at(moment), Some(&tally))? {
                Setting::Ready(account) => Ok(account),
                Setting::Count(plan) => panic!("{plan:?} was counted already"),
            }
        }
    }
}

pub(super) fn hold(
    account: Account,
    price: i64,
    moment: &str,
) -> crate::base::error::Result<(Account, Hold)> {
    account.hold(&HoldTerms {
        price: MicroUsd(price),
        tasks_in_flight_max: None,
        at: at(moment),
    })
}

pub(super) fn spend(account: Account, price: i64, moment: &str) -> Account {
    let (account, held) = hold(account, price, moment).unwrap();
    account
        .settle(Settlement::capture(MicroUsd(price)), &held, at(moment))
        .unwrap()
}

/// Month, carried over, left.
pub(super) fn month(account: &Account, moment: &str) -> (String, i64, i64) {
    let month = account.budget_at(at(moment)).unwrap();
    (month.month.to_string(), month.carried.0, month.left().0)
}

#[test]
fn a_run_must_fit_both_the_balance_and_the_month_s_budget() {
    let small = account(budget(100, RollOver::None, Payment::Prepaid));
    let large = account(budget(5_000, RollOver::None, Payment::Prepaid));

    let over_budget = hold(small.clone(), 101, NOVEMBER).unwrap_err();
    let over_balance = hold(large.clone(), 1_001, NOVEMBER).unwrap_err();

    assert_eq!(
        (over_budget.kind, over_budget.code),
        (Kind::InsufficientFunds, "budget_exhausted")
    );
    for told in [
        "costs $0.000101",
        "$0.0001 of the month's budget of $0.0001 is left",
        "2026-11-30T23:00:00.000Z",
    ] {
        assert!(over_budget.message.contains(told), "{over_budget}");
    }
    assert_eq!(over_balance.code, "insufficient_funds");
    assert_eq!(
        (small.spendable(at(NOVEMBER)), large.spendable(at(NOVEMBER))),
        (MicroUsd(100), MicroUsd(1_000))
    );
}

#[test]
fn a_postpaid_tenant_spends_its_budget_and_not_its_balance() {
    let account = account(budget(100, RollOver::None, Payment::Postpaid));

    let (held, of_task) = hold(account, 100, NOVEMBER).unwrap();
    let partly = Settlement {
        capture: MicroUsd(70),
        release: MicroUsd(30),
    };
    let settled = held.clone().settle(partly, &of_task, at(NOVEMBER)).unwrap();

    assert_eq!(
        (held.available, held.held, held.credit),
        (MicroUsd(1_000), MicroUsd(100), MicroUsd(100))
    );
    assert_eq!(
        (settled.available, settled.captured, settled.credit),
        (MicroUsd(1_000), MicroUsd(70), MicroUsd(70))
    );
    assert_eq!(
        (held.paid_in(), settled.paid_in()),
        (MicroUsd(1_000), MicroUsd(1_000))
    );
    assert_eq!(settled.spendable(at(NOVEMBER)), MicroUsd(30));
}

#[test]
fn a_hold_of_a_postpaid_tenant_that_became_prepaid_is_settled_as_it_was_made() {
    let (held, of_task) = hold(
        account(budget(100, RollOver::None, Payment::Postpaid)),
        60,
        NOVEMBER,
    )
    .unwrap();

    let prepaid = set(
        held,
        Some(budget(100, RollOver::None, Payment::Prepaid)),
        NOVEMBER,
        USED_NOTHING,
    )
    .unwrap();
    let settled = prepaid
        .settle(Settlement::release(MicroUsd(60)), &of_task, at(NOVEMBER))
        .unwrap();

    assert_eq!(
        (settled.available, settled.credit, settled.paid_in()),
        (MicroUsd(1_000), MicroUsd::ZERO, MicroUsd(1_000))
    );
}

#[test]
fn a_new_month_brings_the_budget_again_and_what_the_roll_over_allows() {
    for (roll_over, december, february) in [
        (RollOver::None, 0, 0),
        (unused(None), 60, 260),
        (unused(Some(50)), 50, 50),
        // More than a single month can leave over.
        (unused(Some(130)), 60, 130),
    ] {
        let account = spend(
            account(budget(100, roll_over, Payment::Prepaid)),
            40,
            NOVEMBER,
        );

        assert_eq!(
            month(&account, "2026-11-30T22:59:59.999Z"),
            ("2026-11".to_owned(), 0, 60)
        );
        assert_eq!(
            month(&account, "2026-11-30T23:00:00Z"),
            ("2026-12".to_owned(), december, 100 + december)
        );
        assert_eq!(
            month(&account, "2027-02-01T00:00:00Z"),
            ("2027-02".to_owned(), february, 100 + february)
        );
    }
}

#[test]
fn months_that_nobody_used_carry_over_as_if_each_had_been_looked_at() {
    let once = account(budget(100, unused(Some(250)), Payment::Prepaid));
    let mut often = once.clone();

    for month in ["2026-12", "2027-01", "2027-02", "2027-03"] {
        let moment = format!("{month}-15T00:00:00Z");
        often.allowance = often.budget_at(at(&moment));
        assert_eq!(self::month(&often, &moment), self::month(&once, &moment));
    }
}

#[test]
fn an_end_after_its_month_changes_no_other_month() {
    let (account, of_november) = hold(
        account(budget(100, unused(None), Payment::Prepaid)),
        60,
        NOVEMBER,
    )
    .unwrap();
    let (account, of_december) = hold(account, 10, DECEMBER).unwrap();

    let released = account
        .settle(
            Settlement::release(MicroUsd(60)),
            &of_november,
            at(NOVEMBER),
        )
        .unwrap();
    let captured = released
        .clone()
        .settle(
            Settlement::capture(MicroUsd(10)),
            &of_december,
            at(DECEMBER),
        )
        .unwrap();

    assert_eq!((of_november.period, of_december.period), (Some(1), Some(2)));
    assert_eq!(month(&released, DECEMBER), ("2026-12".to_owned(), 40, 130));
    assert_eq!(released.available, MicroUsd(990));
    assert_eq!(captured.allowance.unwrap().spent, MicroUsd(10));
}

#[test]
fn a_clock_that_goes_back_finds_the_month_that_had_begun() {
    let account = spend(
        account(budget(100, RollOver::None, Payment::Prepaid)),
        100,
        DECEMBER,
    );

    let back = hold(account.clone(), 1, NOVEMBER).unwrap_err();
    let on = hold(account.clone(), 1, DECEMBER).unwrap_err();

    assert_eq!(
        (back.code, on.code),
        ("budget_exhausted", "budget_exhausted")
    );
    assert_eq!(month(&account, NOVEMBER), ("2026-12".to_owned(), 0, 0));
    assert!(hold(account, 1, "2027-01-01T00:00:00Z").is_ok());
}

#[test]
fn centuries_of_unused_months_overflow_nothing() {
    let account = account(budget(
        1_000_000_000_000_000,
        unused(None),
        Payment::Postpaid,
    ));

    let (_, carried, left) = month(&account, "9999-12-01T12:00:00Z");

    assert_eq!(
        (carried, left),
        (1_000_000_000_000_000_000, 1_001_000_000_000_000_000)
    );
}

#[test]
fn a_refund_gives_back_to_the_month_of_the_task_s_submit_while_it_runs_and_to_no_other() {
    let november = account(budget(100, RollOver::None, Payment::Prepaid));
    let (held, of_task) = hold(november, 60, NOVEMBER).unwrap();
    let charged = held
        .settle(Settlement::capture(MicroUsd(60)), &of_task, at(NOVEMBER))
        .unwrap();
    let december = spend(charged.clone(), 10, DECEMBER);
    let refund = |account: Account| {
        let refunded = account.refund(MicroUsd(25), &of_task, at(NOVEMBER));
        refunded.unwrap().0
    };

    let (in_november, in_december) = (refund(charged), refund(december));

    assert_eq!(month(&in_november, NOVEMBER), ("2026-11".to_owned(), 0, 65));
    assert_eq!(month(&in_december, DECEMBER), ("2026-12".to_owned(), 0, 90));
    assert_eq!(
        (in_november.available, in_december.available),
        (MicroUsd(965), MicroUsd(955))
    );
}

#[test]
fn a_refund_during_a_count_is_included_in_it() {
    let (held, of_task) = hold(
        Account::default().top_up(MicroUsd(100)).unwrap(),
        60,
        NOVEMBER,
    )
    .unwrap();
    let charged = held
        .settle(Settlement::capture(MicroUsd(60)), &of_task, at(NOVEMBER))
        .unwrap();
    let wish = Some(budget(100, RollOver::None, Payment::Prepaid));
    let set = |account: Account, tally| account.set_budget(wish.clone(), at(NOVEMBER), tally);
    let Setting::Count(plan) = set(charged.clone(), None).unwrap() else {
        panic!("a first budget counts the month");
    };
    let counting = charged.begin_count(CountId(7), &plan);
    let mut tally = Tally::of(&counting.count().unwrap());

    let (refunded, counted_in) = counting
        .refund(MicroUsd(25), &of_task, at(NOVEMBER))
        .unwrap();
    // Whether the task was read before or after: what it was charged.
    tally.spent = MicroUsd(60);
    let Setting::Ready(account) = set(refunded, Some(&tally)).unwrap() else {
        panic!("it was counted");
    };

    assert_eq!(counted_in, Some(CountId(7)));
    assert_eq!(month(&account, NOVEMBER), ("2026-11".to_owned(), 0, 65));
}
