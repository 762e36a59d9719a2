//! Settings of the command: bad ones are refused, and flags win over the environment and the file.

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, process};
use serde_json::json;

use super::{fails, path, said};

#[test]
fn bad_settings_are_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fluxgate.toml");

    for (text, wanted) in [
        ("listen = [", "the settings are not valid"),
        ("lisen = \"127.0.0.1:1\"", "lisen"),
        ("upstream = \"emulator\"", "it is called 'provider' now"),
        ("[bounds]\nsubmit_timeout = 1", "submit_timeout"),
    ] {
        std::fs::write(&file, text).unwrap();
        fails(&["serve", "--config", file.to_str().unwrap()], wanted);
    }
    let old = process::run(&["serve", "--upstream", "emulator"]);
    assert_eq!(old.status.code(), Some(2));
    assert!(
        said(&old).contains("'--upstream' is called '--provider' now"),
        "{}",
        said(&old)
    );
    fails(&["serve", "--config", "/nowhere.toml"], "does not exist");
    fails(
        &[
            "serve",
            "--provider",
            "https://api.example",
            "--data",
            folder.path().to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ],
        "WAVESPEED_API_KEY",
    );
    fails(
        &[
            "serve",
            "--data",
            "/proc/nowhere",
            "--listen",
            "127.0.0.1:0",
        ],
        "cannot create",
    );
    fails(
        &["token", "acme", "--data", "/nowhere"],
        "is not a data folder",
    );
}

#[test]
fn a_variable_that_is_no_setting_is_one_clear_line() {
    let output = process::run_with(&["serve"], &[("FLUXGATE_LISEN", "127.0.0.1:1")]);

    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("lisen"), "{}", said(&output));
}

#[test]
fn a_bad_value_is_told_with_the_name_that_it_was_written_under() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fluxgate.toml");
    std::fs::write(&file, "[bounds]\nsubmit_timeout_ms = \"soon\"").unwrap();
    let why = |args: &[&str], env: &[(&str, &str)]| {
        let output = process::run_with(&[&["serve"], args].concat(), env);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        said(&output)
    };

    let of_file = why(&["--config", path(&file)], &[]);
    let of_variable = why(&[], &[("FLUXGATE_BOUNDS__SUBMIT_TIMEOUT_MS", "soon")]);
    let misspelt = why(&[], &[("FLUXGATE_LISEN", "127.0.0.1:1")]);

    let is_no_number = "string \"soon\" is not a whole number of at least 0";
    let wanted = format!(
        "bounds.submit_timeout_ms in {}: {is_no_number}",
        path(&file)
    );
    assert!(of_file.contains(&wanted), "{of_file}");
    let wanted = format!("FLUXGATE_BOUNDS__SUBMIT_TIMEOUT_MS: {is_no_number}");
    assert!(of_variable.contains(&wanted), "{of_variable}");
    let wanted = "FLUXGATE_LISEN: there is no setting 'lisen'; write 'listen' if that is meant";
    assert!(misspelt.contains(wanted), "{misspelt}");
}

#[test]
fn a_bound_that_is_written_among_the_settings_is_told_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fluxgate.toml");
    std::fs::write(&file, "tasks_kept_ms = 1000").unwrap();

    let of_file = process::run(&["serve", "--config", path(&file)]);
    let of_variable = process::run_with(&["serve"], &[("FLUXGATE_TASKS_KEPT_MS", "1000")]);

    let wanted = "there is no setting 'tasks_kept_ms'; it belongs into [bounds]";
    assert!(said(&of_file).contains(wanted), "{}", said(&of_file));
    let wanted = "it is a bound: FLUXGATE_BOUNDS__TASKS_KEPT_MS";
    assert!(
        said(&of_variable).contains(wanted),
        "{}",
        said(&of_variable)
    );
    for output in [of_file, of_variable] {
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn the_provider_s_key_in_the_file_is_told_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fluxgate.toml");
    std::fs::write(&file, "wavespeed_api_key = \"s3cret\"").unwrap();

    let refused = process::run(&["serve", "--config", path(&file)]);

    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    for wanted in [
        "there is no setting 'wavespeed_api_key'",
        "set the variable WAVESPEED_API_KEY",
        "WAVESPEED_API_KEY_FILE",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    assert!(!told.contains("s3cret"), "{told}");
}

/// An exported FLUXGATE_DATA made the folder of the file look empty.
#[test]
fn a_variable_that_wins_over_the_file_is_told_of_once_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (file, of_file) = (folder.path().join("fluxgate.toml"), folder.path().join("a"));
    let of_variable = folder.path().join("b");
    let text = format!(
        "data = \"{}\"\nlisten = \"127.0.0.1:0\"\nprovider = \"emulator\"",
        path(&of_file)
    );
    std::fs::write(&file, text).unwrap();
    let args = ["--config", path(&file), "--log-format", "text"];
    let env = [
        ("FLUXGATE_DATA", path(&of_variable)),
        ("FLUXGATE_PROVIDER", "emulator"),
    ];

    let told = process::serve_until_it_says(&args, &env, "fluxgate serves");
    let flag = [&args[..], &["--data", path(&of_file)]].concat();
    let by_flag = process::serve_until_it_says(&flag, &env, "fluxgate serves");

    let line = "setting=data variable=FLUXGATE_DATA";
    assert_eq!(
        told.matches("wins over the settings file").count(),
        1,
        "{told}"
    );
    assert!(told.contains(line), "{told}");
    assert!(!by_flag.contains("wins over"), "{by_flag}");
}

#[tokio::test]
async fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fluxgate.toml");
    let listen = free_address().to_string();
    let text = format!(
        "data = \"{}\"\nlisten = \"127.0.0.1:1\"\nstop_max_ms = 1\nlog = \"error\"",
        path(folder.path())
    );
    std::fs::write(&config, text).unwrap();
    let env = [
        ("FLUXGATE_CONFIG", path(&config)),
        ("FLUXGATE_LISTEN", "127.0.0.1:2"),
        ("FLUXGATE_STOP_MAX_MS", "2222"),
        ("FLUXGATE_ALLOW_NET", "10.1.0.0/16, 10.2.0.0/16"),
        ("FLUXGATE_BOUNDS__SUBMIT_TIMEOUT_MS", "9000"),
    ];

    let args = ["--listen", &listen, "--s3-listen", "127.0.0.1:0"];
    let process = FluxgateProcess::serve(&args, &env, &format!("http://{listen}")).await;
    let token = process::run(&["token", "--admin", "--data", path(folder.path())]);
    let token = String::from_utf8(token.stdout).unwrap();
    let health = reqwest::Client::new()
        .get(format!("http://{listen}/healthz"))
        .bearer_auth(token.trim());
    let health = health.send().await.unwrap();
    let settings = health.json::<serde_json::Value>().await.unwrap()["settings"].clone();

    assert_eq!(
        (
            &settings["listen"],
            &settings["stop_max_ms"],
            &settings["log"]
        ),
        (&json!(listen), &json!("2222"), &json!("error"))
    );
    assert_eq!(settings["allow_net"], "10.1.0.0/16 10.2.0.0/16");
    drop(process);
}
