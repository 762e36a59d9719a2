//! `fluxgate keys`: what it shows of keys, and that it revokes several at a time.

use fluxgate_tests::process;
use serde_json::Value;

use crate::command::{said, served};

fn told(args: &[&str], data: &str) -> String {
    let output = process::run(&[args, &["--data", data]].concat());
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn keys_are_listed_in_columns_and_revoked_by_their_ids() {
    let served = served().await;
    let data = served.data.as_str();
    told(&["tenants", "add", "acme"], data);
    let narrow = ["--models", "google/*", "--monthly-usd", "5"];
    let create = ["keys", "create", "acme", "--name", "a long name"];
    told(&[&create[..], &narrow].concat(), data);
    told(&["keys", "create", "acme", "--name", "ci"], data);

    let listed = told(&["keys", "list", "acme"], data);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    assert!(lines[0].contains("google/*"), "{listed}");
    assert!(lines[0].contains("5 USD a month"), "{listed}");
    assert_eq!(lines[0].find("submit,read"), lines[1].find("submit,read"));
    assert_eq!(lines[0].find("google/*"), lines[1].find("all models"));
    assert_eq!(lines[0].find("never used"), lines[1].find("never used"));

    let ids = told(&["keys", "list", "acme", "--quiet"], data);
    let ids: Vec<&str> = ids.lines().collect();
    let shown = told(&["keys", "show", "acme", ids[0]], data);
    assert!(shown.contains("0 USD used in this one"), "{shown}");
    let revoke = [&["keys", "revoke", "acme", "--json"], &ids[..]].concat();
    let revoked: Value = serde_json::from_str(&told(&revoke, data)).unwrap();
    assert_eq!(revoked["revoked"].as_array().map(Vec::len), Some(2));
    assert_eq!(told(&["keys", "list", "acme"], data), "");
}

#[test]
fn the_help_of_a_new_key_has_its_own_heading() {
    let help = process::run(&["keys", "create", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();

    let (before, own) = help.split_once("What it is to be:").unwrap();
    let (_, which) = before.split_once("Which installation:").unwrap();

    assert!(which.contains("--data <DIR>"), "{help}");
    assert!(
        !which.contains("--name") && own.contains("--name <NAME>"),
        "{help}"
    );
}
