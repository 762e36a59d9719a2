//! What a comparison of books finds.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;

const WINDOW: Window = Window {
    from: Timestamp(0),
    until: Timestamp(1_000),
};

fn run(text: &str) -> RunId {
    RunId::parse(text).unwrap()
}

fn bill(of: &str, price: i64) -> Bill {
    let id = format!("bill-{of}-{price}");
    Bill {
        id,
        run: run(of),
        model: "a/b".to_owned(),
        price: MicroUsd(price),
        created_at: Timestamp(1),
    }
}

fn sold(of: &str, charged: i64) -> Sold {
    Sold {
        tenant: TenantId::parse("acme").unwrap(),
        task: TaskId::parse(&"0".repeat(32)).unwrap(),
        model: ModelId::parse("a/b").unwrap(),
        run: run(of),
        ended: true,
        in_window: true,
        quoted: MicroUsd(80),
        price: MicroUsd(100),
        charged: MicroUsd(charged),
        refunded: MicroUsd::ZERO,
    }
}

fn codes(report: &ReconcileReport) -> Vec<(&'static str, &str)> {
    report
        .findings
        .iter()
        .map(|finding| (finding.code.as_str(), finding.run.as_str()))
        .collect()
}

#[test]
fn books_that_agree_give_margins_and_no_findings() {
    let books = Books {
        bills: vec![bill("r1", 80), bill("r2", 80)],
        sold: vec![sold("r1", 100), sold("r2", 100)],
        ..Books::default()
    };

    let report = compare(WINDOW, &books);

    assert_eq!(codes(&report), []);
    assert_eq!(
        (report.margins[0].runs, report.margins[0].charged_runs),
        (2, 2)
    );
    let Totals {
        bills,
        tasks,
        billed,
        charged,
        margin,
        ..
    } = report.totals;
    assert_eq!(
        (bills, tasks, billed.0, charged.0, margin.0),
        (2, 2, 160, 200, 40)
    );
}

#[test]
fn a_run_of_nobody_s_is_an_orphan_only_when_no_task_still_waits_for_its_own() {
    let books = Books {
        bills: vec![bill("one", 80), bill("two", 80)],
        in_doubt: BTreeMap::from([(ModelId::parse("a/b").unwrap(), 1)]),
        ..Books::default()
    };

    let report = compare(WINDOW, &books);

    assert_eq!(codes(&report), [("orphan", "two")]);
    assert_eq!(
        (
            report.totals.open,
            report.totals.orphaned.0,
            report.totals.billed.0
        ),
        (1, 80, 160)
    );
}

#[test]
fn each_difference_is_found_and_named() {
    let going_on = Sold {
        ended: false,
        charged: MicroUsd::ZERO,
        ..sold("goes-on", 0)
    };
    let books = Books {
        bills: vec![
            bill("drift", 81),
            bill("twice", 80),
            bill("twice", 79),
            bill("free", 80),
            bill("lost", 80),
            bill("goes-on", 80),
        ],
        runs: ["listed", "unbilled"]
            .map(|it| ListedRun {
                run: run(it),
                model: String::new(),
            })
            .into(),
        sold: vec![
            sold("drift", 100),
            sold("twice", 100),
            sold("free", 0),
            sold("unbilled", 100),
            going_on,
        ],
        unbilled: BTreeSet::from([run("unbilled")]),
        given_up: BTreeMap::from([(
            run("lost"),
            (
                TenantId::parse("acme").unwrap(),
                TaskId::parse(&"1".repeat(32)).unwrap(),
            ),
        )]),
        ..Books::default()
    };

    let report = compare(WINDOW, &books);

    let wanted = [
        ("orphan", "listed"),
        ("orphan", "lost"),
        ("billed_twice", "twice"),
        ("price_drift", "drift"),
        ("not_charged", "free"),
        ("not_billed", "unbilled"),
    ];
    assert_eq!(codes(&report), wanted);
    assert_eq!(
        report.findings[1].task.as_ref().unwrap().as_str(),
        "1".repeat(32)
    );
    assert_eq!((report.totals.orphaned.0, report.totals.open), (80, 1));
    assert_eq!(report.totals.billed.0, 81 + 159 + 80 + 80 + 80);
    assert_eq!(
        (
            report.totals.charged.0,
            report.totals.unbilled.0,
            report.totals.forgotten
        ),
        (300, 100, 0)
    );
}

#[test]
fn a_provider_that_forgot_its_runs_leaves_no_margin_and_is_said() {
    let books = Books {
        bills: vec![bill("known", 80)],
        sold: vec![sold("known", 100), sold("forgotten", 100), sold("too", 50)],
        unbilled: BTreeSet::from([run("forgotten"), run("too")]),
        ..Books::default()
    };

    let report = compare(WINDOW, &books);

    assert_eq!(
        codes(&report),
        [("not_billed", "forgotten"), ("not_billed", "too")]
    );
    assert!(
        report.findings[0].text.contains("forgotten the run"),
        "{}",
        report.findings[0].text
    );
    let Totals {
        tasks,
        charged,
        unbilled,
        margin,
        forgotten,
        ..
    } = report.totals;
    assert_eq!(
        (tasks, charged.0, unbilled.0, margin.0, forgotten),
        (3, 250, 150, 20, 2)
    );
    assert_eq!(
        report.margins.iter().map(|line| line.margin.0).sum::<i64>(),
        margin.0,
        "the lines agree"
    );
}

#[test]
fn whoever_goes_on_is_counted_whatever_the_provider_knows_of_it() {
    let open = |of: &str| Sold {
        ended: false,
        charged: MicroUsd::ZERO,
        ..sold(of, 0)
    };
    let earlier = |of: &str| Sold {
        in_window: false,
        ..open(of)
    };
    let books = Books {
        bills: vec![bill("billed", 80), bill("earlier-billed", 80)],
        sold: vec![
            open("billed"),
            open("not-yet"),
            earlier("earlier-billed"),
            earlier("earlier"),
        ],
        in_doubt: BTreeMap::from([(ModelId::parse("a/b").unwrap(), 2)]),
        unsent: 3,
        ..Books::default()
    };

    let Totals { open, in_doubt, .. } = compare(WINDOW, &books).totals;

    assert_eq!((open, in_doubt), (3 + 2 + 3, 2));
}
