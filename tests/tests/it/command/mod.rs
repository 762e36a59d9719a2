//! The command line: its output and its errors.

mod batches;
mod doctor;
mod environment;
mod exit_codes;
mod manual;
mod printing;
mod settings;

use std::path::Path;
use std::process::Output;

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, TestTenant, process};
use serde_json::json;

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a line of stderr says, which `serve` writes as JSON where no terminal is.
pub(crate) fn message(line: &str) -> String {
    let line_of_log = serde_json::from_str::<serde_json::Value>(line);
    let message = line_of_log
        .ok()
        .and_then(|line| line["message"].as_str().map(str::to_owned));
    message.unwrap_or_else(|| line.to_owned())
}

fn fails(args: &[&str], wanted: &str) {
    let output = process::run(args);
    assert!(!output.status.success(), "{args:?} did not fail");
    let said = said(&output);
    let line = said
        .lines()
        .map(message)
        .find(|line| line.starts_with("fluxgate: "))
        .unwrap_or_else(|| panic!("{args:?}: {said}"));
    assert!(line.contains(wanted), "{args:?}: {line}");
    assert!(output.stdout.is_empty());
}

pub(crate) struct Served {
    pub(crate) process: FluxgateProcess,
    pub(crate) base_url: String,
    listen: String,
    pub(crate) data: String,
    pub(crate) _folder: tempfile::TempDir,
}

pub(crate) async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let args = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
        "--provider",
        "emulator",
    ];
    let process = FluxgateProcess::serve(&args, &[], &base_url).await;
    Served {
        process,
        base_url,
        listen,
        data,
        _folder: folder,
    }
}

#[tokio::test]
async fn a_tenant_added_while_serve_runs_works_at_once() {
    let served = served().await;

    let added = process::run(&[
        "tenants",
        "add",
        "acme",
        "--balance",
        "0.5",
        "--data",
        &served.data,
    ]);
    assert!(added.status.success(), "{}", said(&added));
    let token = process::run(&["token", "acme", "--data", &served.data]);
    let token = String::from_utf8(token.stdout).unwrap();
    assert_eq!((token.lines().count(), token.matches('.').count()), (1, 2));
    let tenant = TestTenant::new(
        "acme".parse().unwrap(),
        &served.base_url,
        token.trim().to_owned(),
    );
    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(prediction["status"], "completed", "{prediction}");
    tenant
        .download(prediction["outputs"][0].as_str().unwrap())
        .await;
    let listed = process::run(&["tenants", "list", "--data", &served.data]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(
        listed.contains("acme") && listed.contains("$0.42") && listed.contains("$0.08"),
        "{listed}"
    );
    let shown = process::run(&["tenants", "show", "acme", "--data", &served.data]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        shown["account"],
        json!({ "available_usd": 0.42, "held_usd": 0.0, "captured_usd": 0.08 })
    );
    assert!(!shown.to_string().contains("whsec_"));
    let tasks = process::run(&["tasks", "acme", "--data", &served.data]);
    assert!(String::from_utf8(tasks.stdout).unwrap().contains(&task));
    let timeline = process::run(&["tasks", "acme", &task, "--data", &served.data]);
    assert!(
        String::from_utf8(timeline.stdout)
            .unwrap()
            .contains("archived")
    );
    assert_eq!(served.process.terminate(), Some(0));
}

#[tokio::test]
async fn edit_submits_no_file_that_is_no_picture() {
    let served = served().await;
    process::run(&["tenants", "add", "acme", "--data", &served.data]);
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("README.md");
    std::fs::write(&notes, "# Notes\n\nWords, and no pixels.\n").unwrap();
    let of_tenant = ["--tenant", "acme", "--data", &served.data];

    let edit = ["edit", notes.to_str().unwrap(), "sepia"];
    let edited = process::run(&[&edit[..], &of_tenant, &["--url", &served.base_url]].concat());

    assert_eq!(edited.status.code(), Some(2), "{}", said(&edited));
    assert!(said(&edited).contains("is no picture"), "{}", said(&edited));
    let tasks = process::run(&["tasks", "--quiet", "--data", &served.data]);
    assert!(tasks.stdout.is_empty(), "{tasks:?}");
}

#[tokio::test]
async fn edit_saves_the_result_and_says_where() {
    let served = served().await;
    process::run(&["tenants", "add", "acme", "--data", &served.data]);
    let folder = tempfile::tempdir().unwrap();
    let (photo, out) = (
        folder.path().join("photo.jpg"),
        folder.path().join("out.jpg"),
    );
    std::fs::write(&photo, fluxgate_emulator::DEMO_PHOTO).unwrap();

    let edited = process::run(&[
        "edit",
        photo.to_str().unwrap(),
        "a woodcut",
        "--tenant",
        "acme",
        "--data",
        &served.data,
        "--url",
        &served.base_url,
        "--out",
        out.to_str().unwrap(),
        "--seed",
        "3",
    ]);

    assert!(edited.status.success(), "{}", said(&edited));
    assert_eq!(
        String::from_utf8(edited.stdout).unwrap().trim(),
        out.to_str().unwrap()
    );
    assert!(image::load_from_memory(&std::fs::read(&out).unwrap()).is_ok());

    let reconcile = || process::run(&["reconcile", "--data", &served.data]);
    let agreed = reconcile();
    assert!(agreed.status.success(), "{}", said(&agreed));
    assert!(
        String::from_utf8(agreed.stdout)
            .unwrap()
            .contains("1 bill of $0.08")
    );
    drop(served.process);
    assert_eq!(
        reconcile().status.code(),
        Some(6),
        "the emulator ended with the server"
    );
}

#[tokio::test]
async fn doctor_tells_how_an_installation_is() {
    let served = served().await;

    let checked = process::run(&["doctor", "--data", &served.data, "--url", &served.base_url]);
    let missing = process::run(&["doctor", "--data", "/nowhere/at/all"]);

    let shown = String::from_utf8(checked.stdout).unwrap();
    assert!(
        checked.status.success()
            && shown.contains("being served")
            && shown.contains("completion by webhook"),
        "{shown}"
    );
    assert!(!missing.status.success());
}

#[tokio::test]
async fn a_folder_in_use_and_a_port_taken_are_one_clear_line() {
    let served = served().await;
    let other = tempfile::tempdir().unwrap();
    let other = other.path().join("data");

    fails(
        &["serve", "--data", &served.data, "--listen", "127.0.0.1:0"],
        "is in use by another fluxgate process",
    );
    fails(
        &[
            "serve",
            "--data",
            other.to_str().unwrap(),
            "--listen",
            &served.listen,
        ],
        "cannot listen on",
    );
}

#[test]
fn tenants_that_cannot_be_are_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    assert!(
        process::run(&["tenants", "add", "acme", "--data", data])
            .status
            .success()
    );

    fails(
        &["tenants", "add", "acme", "--data", data],
        "tenant 'acme' already exists",
    );
    fails(
        &["token", "nobody", "--data", data],
        "there is no tenant 'nobody'",
    );
    fails(
        &["tasks", "nobody", "--data", data],
        "there is no tenant 'nobody'",
    );
    fails(
        &[
            "serve",
            "--log",
            "foo=bar=baz",
            "--data",
            data,
            "--listen",
            "127.0.0.1:0",
        ],
        "is not a log filter",
    );
    let bad_name = process::run(&["tenants", "add", "Not Valid", "--data", data]);
    assert_eq!(bad_name.status.code(), Some(2));
    let bad_amount = process::run(&["tenants", "add", "b", "--balance", "-3", "--data", data]);
    assert_eq!(bad_amount.status.code(), Some(2));
}

/// The limit on a file's size stands in for a full disk: a write fails half way, as on a full disk.
#[test]
fn a_full_disk_is_one_clear_line_and_nothing_is_half_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} tenants add acme --data {}",
        process::binary().display(),
        data.display()
    );

    let full = std::process::Command::new("bash")
        .args(["-c", &script])
        .output()
        .unwrap();

    assert_eq!(full.status.code(), Some(6), "{}", said(&full));
    assert!(
        said(&full).lines().last().unwrap().contains("the disk"),
        "{}",
        said(&full)
    );
    let again = process::run(&["tenants", "add", "acme", "--data", path(&data)]);
    assert!(again.status.success(), "{}", said(&again));
}

#[test]
fn help_teaches() {
    let help = process::run(&["--help"]);
    let serve = process::run(&["serve", "--help"]);

    let (help, serve) = (
        String::from_utf8(help.stdout).unwrap(),
        String::from_utf8(serve.stdout).unwrap(),
    );
    for word in [
        "demo",
        "serve",
        "emulator",
        "tenants",
        "token",
        "edit",
        "batch",
        "download",
        "tasks",
        "usage",
        "reconcile",
        "doctor",
        "Try it",
        "WAVESPEED_API_KEY",
    ] {
        assert!(help.contains(word), "{word}");
    }
    for word in [
        "--data",
        "--listen",
        "--s3-listen",
        "--provider",
        "--allow-net",
        "--public-url",
        "--config",
        "[default: 127.0.0.1:8080]",
    ] {
        assert!(serve.contains(word), "{word}");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
