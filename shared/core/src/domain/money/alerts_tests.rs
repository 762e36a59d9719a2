//! A low balance is told once until it is above again, and each threshold of a budget once a month.

use super::*;
use crate::domain::money::{Budget, Payment, RollOver, Zone};

const NOW: Timestamp = Timestamp(1_796_000_000_000);

fn with(available: i64) -> Account {
    Account {
        available: MicroUsd(available),
        ..Account::default()
    }
}

fn alerts(low_balance: Option<i64>, last_top_up: Option<i64>) -> Alerts {
    Alerts {
        terms: AlertTerms {
            low_balance: low_balance.map(MicroUsd),
            budget_percents: None,
        },
        last_top_up: last_top_up.map(MicroUsd),
        ..Alerts::default()
    }
}

/// The balances at which something was told.
fn told(mut alerts: Alerts, balances: &[i64]) -> Vec<(i64, u64)> {
    let mut told = Vec::new();
    for balance in balances {
        let (after, found) = alerts.after(&with(*balance), NOW);
        for alert in found {
            match alert {
                Alert::LowBalance {
                    available, time, ..
                } => told.push((available.0, time)),
                Alert::BudgetThreshold { .. } => panic!("there is no budget"),
            }
        }
        alerts = after;
    }
    told
}

#[test]
fn a_low_balance_is_told_once_and_again_after_it_was_above() {
    let set = alerts(Some(10), None);
    assert_eq!(
        told(set, &[30, 10, 9, 3, 9, 0, 10, 9, 50, 0]),
        [(9, 1), (9, 2), (0, 3)]
    );
    let fifth = alerts(None, Some(100));
    assert_eq!(told(fifth, &[20, 19, 18]), [(19, 1)]);
    assert!(told(alerts(Some(0), Some(100)), &[20, 0]).is_empty());
    assert!(told(alerts(None, None), &[20, 0]).is_empty());
}

fn budgeted(spent: i64, payment: Payment) -> Account {
    let budget = Budget {
        limit_micro_usd: MicroUsd(1_000),
        time_zone: Zone::parse("UTC").unwrap(),
        roll_over: RollOver::None,
        payment,
    };
    let allowance = Allowance {
        month: budget.time_zone.month_at(NOW),
        budget: Some(budget),
        period: 3,
        carried: MicroUsd::ZERO,
        held: MicroUsd::ZERO,
        spent: MicroUsd(spent),
        since: None,
        counted: true,
        count: None,
    };
    Account {
        allowance: Some(allowance),
        ..Account::default()
    }
}

fn percents(found: &[Alert]) -> Vec<u8> {
    let percents = found.iter().map(|alert| match alert {
        Alert::BudgetThreshold { percent, .. } => *percent,
        Alert::LowBalance { .. } => panic!("a budget alone is told"),
    });
    percents.collect()
}

#[test]
fn each_threshold_of_a_budget_is_told_once_a_month_whichever_were_passed_at_once() {
    let mut alerts = alerts(None, None);
    for (spent, expected) in [
        (499, &[][..]),
        (500, &[50]),
        (799, &[]),
        (1_000, &[80, 100]),
        (700, &[]),
        (1_000, &[]),
    ] {
        let (after, found) = alerts.after(&budgeted(spent, Payment::Prepaid), NOW);
        assert_eq!(percents(&found), expected, "{spent}");
        alerts = after;
    }
    let next_month = NOW.plus_ms(40 * 24 * 3_600_000);
    let mut account = budgeted(1_000, Payment::Postpaid);
    let (after, found) = alerts.after(&account, next_month);
    assert!(found.is_empty(), "nothing was spent in that month");
    account.allowance = account.allowance.map(|allowance| Allowance {
        spent: MicroUsd(600),
        ..allowance.at(next_month)
    });
    assert_eq!(percents(&after.after(&account, next_month).1), [50]);
}

#[test]
fn percents_rise_from_1_to_100() {
    let check = |percents: &[u8]| {
        let terms = AlertTerms {
            low_balance: None,
            budget_percents: Some(percents.to_vec()),
        };
        terms.check().is_ok()
    };

    assert!(check(&[]) && check(&[1, 100]));
    assert!(!check(&[0]) && !check(&[101]) && !check(&[80, 50]) && !check(&[50, 50]));
    assert!(!check(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    assert!(AlertTerms::default().check().is_ok());
}
