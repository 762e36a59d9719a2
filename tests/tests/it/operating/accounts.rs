//! The operator's commands for accounts: top-ups, budgets and checks of the books.

use super::Installation;

#[test]
fn accounts_are_topped_up_once_for_each_reference_and_checked() {
    let here = Installation::new();

    let topped_up = here.does(&[
        "accounts",
        "top-up",
        "acme",
        "3",
        "--reference",
        "invoice 1",
    ]);
    let again = here.does(&[
        "accounts",
        "top-up",
        "acme",
        "3",
        "--reference",
        "invoice 1",
    ]);

    assert!(topped_up.contains("available $5.00"), "{topped_up}");
    assert_eq!(
        (&again, &here.does(&["accounts", "show", "acme"])),
        (&topped_up, &topped_up)
    );
    here.fails(
        &[
            "accounts",
            "top-up",
            "acme",
            "4",
            "--reference",
            "invoice 1",
        ],
        "was already used for a top-up of $3.00",
    );
    here.fails(
        &["accounts", "top-up", "nobody", "4", "--reference", "x"],
        "there is no tenant 'nobody'",
    );
    assert_eq!(
        here.run(&["accounts", "top-up", "acme", "-4", "--reference", "x"])
            .status
            .code(),
        Some(2)
    );
    assert!(
        here.does(&["accounts", "check"])
            .contains("the books of 1 tenant are right")
    );
}

#[test]
fn a_budget_is_set_shown_and_taken_away() {
    let here = Installation::new();
    let terms = [
        "--limit",
        "500",
        "--time-zone",
        "Europe/Berlin",
        "--roll-over",
        "unused",
        "--roll-over-cap",
        "100",
    ];

    let set = here.does(&[&["accounts", "budget", "acme"], &terms[..], &["--postpaid"]].concat());
    let shown = here.does(&["accounts", "show", "acme"]);

    for told in [
        "acme  20",
        "budget $500.00",
        "carried over $0.00",
        "left $500.00",
        "until 20",
    ] {
        assert!(set.contains(told), "{told}: {set}");
    }
    assert!(
        shown.contains("available $2.00") && shown.ends_with(&set),
        "{shown}"
    );
    assert_eq!(here.does(&["accounts", "budget", "acme"]), set);
    bad_terms_are_refused(&here);
    assert_eq!(here.does(&["accounts", "budget", "acme"]), set);
    assert!(
        set.ends_with(" in Europe/Berlin  rolls over up to $100.00  postpaid\n"),
        "{set}"
    );
    what_is_not_named_stays(&here);
    here.fails(
        &["accounts", "budget", "acme", "--roll-over-cap", "1"],
        "--roll-over unused",
    );
    assert_eq!(
        here.does(&["accounts", "budget", "acme", "--none"]),
        "acme  no budget\n"
    );
    here.fails(
        &["accounts", "budget", "acme", "--postpaid"],
        "create one with --limit",
    );
    assert!(
        here.does(&["accounts", "check"])
            .contains("the books of 1 tenant are right")
    );
}

fn bad_terms_are_refused(here: &Installation) {
    here.fails(
        &["accounts", "budget", "acme", "--limit", "0"],
        "suspend the tenant",
    );
    here.fails(
        &["accounts", "budget", "nobody", "--limit", "1"],
        "there is no tenant 'nobody'",
    );
    for bad in [
        &["--limit", "x"][..],
        &["--limit", "1", "--time-zone", "Mars/Base"],
        &["--none", "--limit", "1"],
    ] {
        assert_eq!(
            here.run(&[&["accounts", "budget", "acme"], bad].concat())
                .status
                .code(),
            Some(2),
            "{bad:?}"
        );
    }
}

fn what_is_not_named_stays(here: &Installation) {
    let more = here.does(&["accounts", "budget", "acme", "--limit", "600"]);
    assert!(
        more.contains("budget $600.00")
            && more.ends_with(" in Europe/Berlin  rolls over up to $100.00  postpaid\n"),
        "only the limit was named: {more}"
    );
    let terms = ["--time-zone", "UTC", "--roll-over", "none", "--prepaid"];
    let other = here.does(&[&["accounts", "budget", "acme"], &terms[..]].concat());
    assert!(
        other.contains("budget $600.00") && other.ends_with(" in UTC\n"),
        "{other}"
    );
}

#[test]
fn books_that_do_not_agree_are_told_and_the_exit_code_is_1() {
    let here = Installation::new();
    let database = rusqlite::Connection::open(format!("{}/fluxgate.db", here.data)).unwrap();
    let invented = format!(
        "INSERT INTO ledger (tenant, reference, kind, amount, at) VALUES ('acme', '{}', 'capture', 5, 0)",
        "0".repeat(32)
    );
    database
        .execute_batch(&format!(
            "UPDATE accounts SET available = available + 1, held = held + 2, in_flight = 3; {invented}"
        ))
        .unwrap();

    let checked = here.run(&["accounts", "check", "acme"]);

    let shown = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    for code in [
        "total",
        "held",
        "captured",
        "captured_for_nothing",
        "days",
        "days_standing",
        "in_flight",
    ] {
        assert!(
            shown.contains(&format!("acme  {code}  ")),
            "{code}: {shown}"
        );
    }
    assert!(
        shown.contains("held: $0.000002; the price of the tasks that run: $0.00"),
        "{shown}"
    );
}
