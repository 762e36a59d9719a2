//! Commands whose output is not read or cannot be written.

use std::fs::OpenOptions;
use std::process::{Output, Stdio};

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, process};

use crate::command::said;

/// A data folder with a tenant, and commands that print something.
fn commands(data: &str) -> Vec<Vec<&str>> {
    assert!(
        process::run(&["tenants", "add", "acme", "--data", data])
            .status
            .success()
    );
    let on_the_folder = [
        vec!["tenants", "list"],
        vec!["tenants", "show", "acme"],
        vec!["prices", "show", "acme"],
        vec!["accounts", "show", "acme"],
        vec!["accounts", "check"],
        vec!["token", "acme"],
        vec!["usage", "acme"],
        vec!["usage", "acme", "--csv"],
        vec!["doctor"],
    ];
    let with_data = on_the_folder
        .into_iter()
        .map(|args| [args, vec!["--data", data]].concat());
    with_data
        .chain([vec!["--help"], vec!["serve", "--help"], vec!["--version"]])
        .collect()
}

fn run_into(args: &[&str], stdout: impl Into<Stdio>) -> Output {
    process::command(args)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap()
}

#[test]
fn a_command_whose_reader_has_gone_ends_quietly_as_other_tools_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");

    for args in commands(data.to_str().unwrap()) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run_into(&args, writer);

        // The exit code of a shell for a process that SIGPIPE ended.
        assert_eq!(
            (output.status.code(), said(&output).as_str()),
            (Some(141), ""),
            "{args:?}"
        );
    }
}

#[test]
fn a_result_that_cannot_be_written_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");

    for args in commands(data.to_str().unwrap()) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run_into(&args, full);

        let said = said(&output);
        assert_eq!(
            (output.status.code(), said.lines().count()),
            (Some(1), 1),
            "{args:?}: {said}"
        );
        assert!(
            said.starts_with("fluxgate: cannot write the result to standard output: No space left"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_server_whose_log_nobody_reads_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);

    let args = [
        "--data",
        data.to_str().unwrap(),
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
        "--log",
        "debug",
    ];
    let process = FluxgateProcess::serve_saying(&args, &[], &base_url, writer.into()).await;
    for _ in 0..3 {
        let refused = reqwest::get(format!("{base_url}/api/v3/balance"))
            .await
            .unwrap();
        assert_eq!(refused.status(), 401);
    }

    assert_eq!(process.terminate(), Some(0));
}
