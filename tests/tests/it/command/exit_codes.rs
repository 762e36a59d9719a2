//! Exit codes, which scripts decide by, and errors as JSON.

use fluxgate_tests::process;
use serde_json::{Value, json};

use super::{said, served};

fn code(args: &[&str], env: &[(&str, &str)]) -> Option<i32> {
    let output = process::run_with(args, env);
    assert!(
        output.stdout.is_empty() && said(&output).lines().count() > 0,
        "{args:?}: {output:?}"
    );
    output.status.code()
}

/// Each code with commands that end with it; those of a gateway, whose tenant has no money.
const OF_A_FOLDER: [(i32, &str); 7] = [
    (1, "tenants add x --data /proc/none"),
    (2, "tenants shwo"),
    (2, "endpoints list --data DATA"),
    (2, "prices set poor --data DATA"),
    (2, "serve --log a=b=c --data DATA"),
    (3, "tenants add poor --data DATA"),
    (4, "tasks poor --data /nowhere"),
];
const OF_A_GATEWAY: [(i32, &str); 7] = [
    (3, "endpoints list --token x --url URL"),
    (3, "edit PHOTO woodcut --tenant poor --data DATA"),
    (4, "tenants show nobody --data DATA"),
    (
        4,
        "download 00000000000000000000000000000000 --tenant poor --data DATA",
    ),
    (
        4,
        "endpoints show 00000000000000000000000000000000 --tenant poor --data DATA",
    ),
    (4, "trigger task.completed --tenant poor --data DATA"),
    (6, "endpoints list --token x --url http://127.0.0.1:1"),
];

#[tokio::test]
async fn the_exit_code_says_of_what_kind_an_error_is() {
    let served = served().await;
    let (data, url) = (served.data.as_str(), served.base_url.as_str());
    let photo = served._folder.path().join("photo.jpg");
    std::fs::write(&photo, fluxgate_emulator::DEMO_PHOTO).unwrap();
    let added = process::run(&["tenants", "add", "poor", "--balance", "0", "--data", data]);
    assert!(added.status.success(), "{}", said(&added));

    for (wanted, command) in OF_A_FOLDER.into_iter().chain(OF_A_GATEWAY) {
        let args = command.split(' ').map(|word| match word {
            "DATA" => data,
            "URL" => url,
            "PHOTO" => photo.to_str().unwrap(),
            word => word,
        });
        let args: Vec<&str> = args.collect();
        assert_eq!(code(&args, &[]), Some(wanted), "{command}");
    }
    let misspelt = [("FLUXGATE_LISEN", "127.0.0.1:1")];
    assert_eq!(code(&["serve"], &misspelt), Some(2));
}

#[test]
fn help_lists_the_exit_codes_and_an_error_of_json_is_json() {
    let help = process::run(&["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let args = ["endpoints", "list", "--token", "x", "--json"];
    let failed = process::run(&[&args[..], &["--url", "http://127.0.0.1:1"]].concat());

    for text in [
        "Exit codes:",
        "3  refused",
        "5  still running",
        "6  unreachable",
    ] {
        assert!(help.contains(text), "{text}: {help}");
    }
    let error: Value = serde_json::from_slice(&failed.stderr).unwrap();
    assert_eq!(error["error"]["exit_code"], json!(6));
    let message = error["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("nothing answers at http://127.0.0.1:1"),
        "{message}"
    );
}
