//! `fluxgate tenants add --issuer` and `fluxgate trust`.

use std::io::Write as _;
use std::process::{Output, Stdio};

use fluxgate_tests::process;
use serde_json::{Value, json};

use super::Installation;

/// A command that reads this from standard input.
fn fed(here: &Installation, args: &[&str], input: &str) -> Output {
    let args = [args, &["--data", &here.data]].concat();
    let mut command = process::command(&args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn both(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn a_token_is_explained_from_the_command_line_and_from_standard_input() {
    let here = Installation::new();
    let token = here.does(&["token", "acme"]).trim().to_owned();
    let (signed, _) = token.rsplit_once('.').unwrap();

    let good = here.does(&["trust", "check", &token]);
    let piped = fed(
        &here,
        &["trust", "check", "-", "--tenant", "acme", "--json"],
        &token,
    );
    let forged = here.run(&["trust", "check", &format!("{signed}.AAAA")]);

    assert!(
        good.contains("accepted for tenant acme; it may submit"),
        "{good}"
    );
    let json: Value = serde_json::from_slice(&piped.stdout).unwrap();
    assert_eq!(
        (&json["accepted"], &json["tenant"]),
        (&json!(true), &json!("acme"))
    );
    let told = both(&forged);
    assert_eq!(forged.status.code(), Some(1), "{told}");
    assert!(
        told.contains("BAD  signature") && told.contains("is not accepted"),
        "{told}"
    );
    for shown in [good, both(&piped), told] {
        assert!(
            !token.split('.').any(|part| shown.contains(part)),
            "{shown}"
        );
    }
}

#[test]
fn an_issuer_is_named_by_a_preset_or_by_its_claims() {
    let here = Installation::new();
    let add = |name: &'static str, flags: &[&'static str]| {
        here.does(&[&["tenants", "add", name, "--json"], flags].concat())
    };
    let trust = |text: String| serde_json::from_str::<Value>(&text).unwrap()["trust"][0].clone();
    let cognito = [
        "--issuer",
        "cognito:eu-central-1_AbC",
        "--audience",
        "client-1",
    ];
    let own = [
        "--issuer",
        "https://id.example",
        "--audience",
        "a",
        "--audience",
        "b",
        "--tenant-pointer",
        "/o/id",
        "--scopes-pointer",
        "/scope",
        "--audience-claim",
        "azp",
    ];

    let by_preset = trust(add("bolt", &cognito));
    let by_claims = trust(add("cask", &own));

    assert_eq!(
        by_preset["claim"],
        json!({ "name": "cognito:groups", "value": "bolt" })
    );
    assert_eq!(by_preset["audience_claim"], "client_id");
    assert_eq!(by_claims["audience"], json!(["a", "b"]));
    assert_eq!(
        by_claims["claim"],
        json!({ "name": "/o/id", "value": "cask" })
    );
    let needs = "the app client's id (HTTP 400); it is given by --audience";
    here.fails(
        &["tenants", "add", "dune", "--issuer", "cognito:eu-west-1_x"],
        needs,
    );
    let editable = [
        "tenants",
        "add",
        "dune",
        "--issuer",
        "https://id.example",
        "--audience",
        "a",
        "--tenant-pointer",
        "/user_metadata/tenant",
    ];
    here.fails(&editable, "users can usually edit");
    here.does(&[&editable[..], &["--force"]].concat());
    let unknown = [
        "tenants",
        "add",
        "elk",
        "--issuer",
        "okta:acme",
        "--audience",
        "a",
    ];
    here.fails(&unknown, "presets cognito, auth0, entra");
}

#[test]
fn a_probe_says_which_issuer_needs_attention() {
    let here = Installation::new();
    let silent = ["--issuer", "http://127.0.0.1:9", "--audience", "a"];
    here.does(&[&["tenants", "add", "bolt"], &silent[..]].concat());

    let good = here.does(&["trust", "probe", "acme"]);
    let bad = here.run(&["trust", "probe", "bolt"]);

    assert!(
        good.contains("ok   ") && good.contains("1 key for verifying tokens"),
        "{good}"
    );
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        both(&bad).contains("BAD  http://127.0.0.1:9: "),
        "{}",
        both(&bad)
    );
}
