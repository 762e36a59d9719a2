//! Setting a budget: what is refused, and what a budget that is set again counts.

use super::budget_tests::{
    DECEMBER, NOVEMBER, USED_NOTHING, account, at, budget, hold, month, set, spend, unused,
};
use super::*;
use crate::base::error::Kind;

#[test]
fn a_clock_that_was_years_ahead_is_mended_by_setting_the_budget_again() {
    let terms = budget(100, RollOver::None, Payment::Prepaid);
    let account = spend(account(terms.clone()), 70, "2030-05-01T00:00:00Z");
    assert_eq!(month(&account, NOVEMBER), ("2030-05".to_owned(), 0, 30));

    let mended = set(account, Some(terms), NOVEMBER, USED_NOTHING).unwrap();

    assert_eq!(month(&mended, NOVEMBER), ("2026-11".to_owned(), 0, 30));
    assert_eq!(month(&mended, DECEMBER), ("2026-12".to_owned(), 0, 100));
}

#[test]
fn a_time_zone_that_is_behind_begins_no_month_twice() {
    let zone = |name| Budget {
        time_zone: Zone::parse(name).unwrap(),
        ..budget(100, RollOver::None, Payment::Prepaid)
    };
    let moment = "2026-11-30T12:00:00Z";
    let account = Account::default().top_up(MicroUsd(1_000)).unwrap();
    let account = set(
        account,
        Some(zone("Pacific/Kiritimati")),
        moment,
        USED_NOTHING,
    )
    .unwrap();
    let account = spend(account, 100, moment);

    let behind = set(
        account,
        Some(zone("America/St_Johns")),
        moment,
        USED_NOTHING,
    )
    .unwrap();

    assert_eq!(month(&behind, moment), ("2026-12".to_owned(), 0, 0));
    assert_eq!(
        behind.budget_at(at(moment)).unwrap().resets_at(),
        at("2027-01-01T03:30:00Z")
    );
}

#[test]
fn a_budget_below_what_is_used_is_refused_and_says_what_would_do() {
    let account = spend(
        account(budget(100, RollOver::None, Payment::Prepaid)),
        30,
        NOVEMBER,
    );
    let (account, _) = hold(account, 25, NOVEMBER).unwrap();

    let limit = |limit| Some(budget(limit, RollOver::None, Payment::Prepaid));
    let refused = set(account.clone(), limit(54), NOVEMBER, USED_NOTHING);
    let exact = set(account.clone(), limit(55), NOVEMBER, USED_NOTHING).unwrap();
    let next_month = set(account, limit(1), DECEMBER, USED_NOTHING).unwrap();

    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.kind, refused.code, refused.field.as_deref()),
        (Kind::Conflict, "budget_below_use", Some("limit_usd"))
    );
    for told in [
        "$0.00003 of 2026-11 is captured and $0.000025 is held",
        "at least $0.000055",
        "suspend the tenant",
    ] {
        assert!(refused.message.contains(told), "{refused}");
    }
    assert_eq!(month(&exact, NOVEMBER), ("2026-11".to_owned(), 0, 0));
    assert_eq!(month(&next_month, DECEMBER), ("2026-12".to_owned(), 0, 1));
}

#[test]
fn a_budget_taken_away_and_set_again_is_not_a_second_one() {
    let terms = budget(100, unused(None), Payment::Prepaid);
    let (account, of_task) =
        hold(spend(account(terms.clone()), 60, NOVEMBER), 15, NOVEMBER).unwrap();

    let without = set(account, None, NOVEMBER, USED_NOTHING).unwrap();
    assert_eq!(
        (
            without.budget_at(at(NOVEMBER)),
            without.spendable(at(NOVEMBER))
        ),
        (None, MicroUsd(925))
    );
    let (without, unlimited) = hold(without, 500, NOVEMBER).unwrap();
    let without = without
        .settle(Settlement::release(MicroUsd(15)), &of_task, at(NOVEMBER))
        .unwrap();
    // The 500 that run, and the 60 from before.
    let refused = set(without.clone(), Some(terms.clone()), NOVEMBER, (500, 60)).unwrap_err();
    let larger = Budget {
        limit_micro_usd: MicroUsd(600),
        ..terms.clone()
    };
    let again = set(without.clone(), Some(larger), NOVEMBER, (500, 60)).unwrap();
    let settled = again
        .clone()
        .settle(Settlement::capture(MicroUsd(500)), &unlimited, at(NOVEMBER))
        .unwrap();
    let later = set(without, Some(terms), DECEMBER, USED_NOTHING).unwrap();

    assert_eq!((unlimited.period, refused.code), (None, "budget_below_use"));
    assert_eq!(month(&again, NOVEMBER), ("2026-11".to_owned(), 0, 40));
    assert_eq!(
        (
            settled.allowance.clone().unwrap().spent,
            month(&settled, NOVEMBER).2
        ),
        (MicroUsd(560), 40)
    );
    assert_eq!(month(&later, DECEMBER), ("2026-12".to_owned(), 0, 100));
}

#[test]
fn terms_that_no_month_could_have_are_refused_by_name() {
    for (limit, roll_over, field) in [
        (0, RollOver::None, "limit_usd"),
        (-1, RollOver::None, "limit_usd"),
        (i64::MAX, RollOver::None, "limit_usd"),
        (1, unused(Some(0)), "roll_over_cap_usd"),
        (1, unused(Some(i64::MAX)), "roll_over_cap_usd"),
    ] {
        let terms = budget(limit, roll_over, Payment::Prepaid);
        let refused = set(Account::default(), Some(terms), NOVEMBER, USED_NOTHING).unwrap_err();
        assert_eq!(
            (refused.code, refused.field.as_deref()),
            ("invalid_budget", Some(field))
        );
    }
}
