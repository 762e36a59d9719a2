//! Money that an operator mends by commands, and the ledger that it reads.

use fluxgate_tests::process;
use serde_json::{Value, json};

use crate::command::said;

/// What a command about this folder answers with `--json`.
fn told(data: &str, args: &[&str]) -> Value {
    let output = process::run(&[args, &["--json", "--data", data]].concat());
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

const WHY: [&str; 4] = ["--reference", "case-9", "--reason", "an outage"];

#[test]
fn what_was_mended_by_commands_is_in_the_ledger_as_a_table_and_as_csv() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    told(&data, &["tenants", "add", "acme", "--balance", "5"]);
    let top_up = ["top-up", "acme", "100", "--reference", "a typo"];
    told(&data, &[&["accounts"][..], &top_up].concat());

    let credit = [&["accounts", "credit", "acme", "2.5"][..], &WHY].concat();
    let (first, again) = (told(&data, &credit), told(&data, &credit));
    told(
        &data,
        &[&["accounts", "debit", "acme", "1"][..], &WHY].concat(),
    );
    let void = ["accounts", "void", "acme", "a typo", "--reason", "a typo"];
    let voided = told(&data, &void);
    let over = [&["accounts", "debit", "acme", "7"][..], &WHY].concat();
    let refused = process::run(&[&over[..], &["--data", data.as_str()]].concat());

    assert_eq!(
        (&first["applied"], &again["applied"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(voided["available_usd"], 6.5);
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("already used for $1.00"),
        "{}",
        said(&refused)
    );
    let ledger = told(&data, &["ledger", "acme"]);
    assert_eq!(
        (
            &ledger["opening_balance_usd"],
            &ledger["closing_balance_usd"]
        ),
        (&json!("0.00"), &json!("6.50"))
    );
    assert_eq!(ledger["entries"].as_array().unwrap().len(), 5);
    let csv = process::run(&["ledger", "acme", "--csv", "--data", data.as_str()]);
    let text = String::from_utf8(csv.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 6, "{text}{}", said(&csv));
    assert!(text.contains(",adjustment_credit,case-9,2.50,2.50,107.50,107500000,an outage\r\n"));
    assert_eq!(told(&data, &["accounts", "check"])["findings"], json!([]));
}

/// What a command about this folder says when it fails, with its exit code.
fn refused(data: &str, args: &[&str]) -> (i32, String) {
    let output = process::run(&[args, &["--data", data]].concat());
    (output.status.code().unwrap_or_default(), said(&output))
}

#[test]
fn a_statement_adds_up_and_takes_json_and_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    told(&data, &["tenants", "add", "acme", "--balance", "5"]);
    let why = ["--reference", "=1+2", "--reason", "@SUM(A1)"];
    let debit = [&["accounts", "debit", "acme", "1.5"][..], &why].concat();
    told(&data, &debit);
    let month = &fluxgate_tests::contract::now().rfc3339()[..7];

    let statements = told(&data, &["statement", month, "--all"]);
    let quiet = process::run(&["statement", month, "acme", "--quiet", "--data", &data]);
    let csv = process::run(&["statement", month, "--all", "--data", &data]);
    let ledger = process::run(&["ledger", "acme", "--csv", "--data", &data]);

    assert_eq!(statements[0]["closing_balance_usd"], "3.50");
    assert_eq!(String::from_utf8(quiet.stdout).unwrap(), "3.50\n");
    let csv = String::from_utf8(csv.stdout).unwrap();
    let change = |line: &str| line.split(',').nth(10).unwrap().parse::<f64>().ok();
    let changes: f64 = csv.lines().filter_map(change).sum();
    assert!((changes - 3.5).abs() < 1e-9, "{csv}");
    let ledger = String::from_utf8(ledger.stdout).unwrap();
    assert!(
        ledger.contains(",'=1+2,1.50,-1.50,") && ledger.contains(",'@SUM(A1)\r\n"),
        "{ledger}"
    );
}

#[test]
fn what_cannot_be_read_is_an_error_that_says_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    told(&data, &["tenants", "add", "acme", "--balance", "5"]);

    for args in [&["statement", "2026-11"][..], &["usage"]] {
        let (code, text) = refused(&data, args);
        assert!(code == 2 && text.contains("--all"), "{args:?}: {text}");
    }
    let (code, text) = refused(&data, &["ledger", "acme", "--from", "2100-01-01"]);
    assert!(code != 0 && text.contains("in the future"), "{text}");
    let (code, text) = refused(&data, &["tasks", "--cursor", "nonsense"]);
    assert!(code == 2 && text.contains("cursor"), "{code}: {text}");
    let (code, text) = refused(&data, &["tasks"]);
    assert!(code == 0 && text.contains("nothing to show"), "{text}");
}
