//! Many tasks by one command: interrupted and gone on with, each line has one result and one
//! charge.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fluxgate_tests::{TestTenant, eventually, process};
use serde_json::{Value, json};

use super::{Served, path, said, served};

/// A tenant of this server with ten dollars, and the arguments that speak for it.
fn tenant(served: &Served) -> (TestTenant, Vec<String>) {
    let added = process::run(&[
        "tenants",
        "add",
        "acme",
        "--balance",
        "10",
        "--data",
        &served.data,
    ]);
    assert!(added.status.success(), "{}", said(&added));
    let token = process::run(&["token", "acme", "--data", &served.data]);
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let tenant = TestTenant::new("acme".parse().unwrap(), &served.base_url, token);
    let access = ["--tenant", "acme", "--data", &served.data];
    (tenant, access.map(str::to_owned).to_vec())
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(bytes).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// So many pictures, and the file that names them.
fn pictures(folder: &Path, count: usize) -> PathBuf {
    let mut list = String::new();
    for n in 0..count {
        let photo = folder.join(format!("photo-{n}.jpg"));
        fs::write(&photo, fluxgate_emulator::DEMO_PHOTO).unwrap();
        list.push_str(&format!("{}\n", photo.display()));
    }
    let file = folder.join("pictures.txt");
    fs::write(&file, list).unwrap();
    file
}

/// Runs the command until the journal has this word so often, and kills it.
async fn kill_when(args: &[&str], journal: &Path, word: &str, times: usize) {
    let mut child = process::command(args).spawn().unwrap();
    let reached = || async {
        let journal = fs::read_to_string(journal).unwrap_or_default();
        (journal.matches(word).count() >= times).then_some(())
    };
    eventually(&format!("{times} times '{word}'"), reached).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn edits_that_are_killed_twice_are_each_done_and_charged_once() {
    let served = served().await;
    let (tenant, access) = tenant(&served);
    let folder = tempfile::tempdir().unwrap();
    let file = pictures(folder.path(), 12);
    let into = folder.path().join("out");
    let mut args = vec![
        "edit",
        "--batch",
        path(&file),
        "a woodcut",
        "--into",
        path(&into),
    ];
    args.extend(access.iter().map(String::as_str));
    let journal = into.join("progress.jsonl");

    kill_when(&args, &journal, "uploaded", 3).await;
    kill_when(&args, &journal, "sent", 1).await;
    let edited = process::run(&args);

    assert!(edited.status.success(), "{}", said(&edited));
    assert_eq!(
        String::from_utf8(edited.stdout).unwrap().trim(),
        path(&into)
    );
    let results = lines(&fs::read(into.join("results.jsonl")).unwrap());
    let tasks: BTreeSet<_> = results.iter().map(|it| it["task"].to_string()).collect();
    assert_eq!((results.len(), tasks.len()), (12, 12));
    for result in &results {
        assert_eq!(result["state"], "completed");
        let file = into.join(result["files"][0].as_str().unwrap());
        assert!(image::load_from_memory(&fs::read(file).unwrap()).is_ok());
    }
    let spent = 10.0 - tenant.balance_usd().await;
    assert!((spent - 12.0 * 0.08).abs() < 1e-6, "{spent}");
    let journal = fs::read_to_string(journal).unwrap();
    assert_eq!(journal.matches("\"sent\"").count(), 1);
    let again = process::run(&args);
    assert!(again.status.success(), "{}", said(&again));
    let batches = tenant.get("/v1/batches").await.body;
    assert_eq!(batches["batches"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_file_of_tasks_is_one_batch_however_often_it_is_sent() {
    let served = served().await;
    let (tenant, access) = tenant(&served);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tasks.jsonl");
    let line = json!({ "model": fluxgate_tests::tenant::MODEL, "input": tenant.inputs().await });
    fs::write(&file, format!("{line}\nno json\n")).unwrap();
    let mut args = vec!["batch", path(&file)];
    args.extend(access.iter().map(String::as_str));

    let (first, again) = (process::run(&args), process::run(&args));

    for output in [&first, &again] {
        assert!(!output.status.success());
        assert!(
            said(output).contains("1 of 2 lines did not complete"),
            "{}",
            said(output)
        );
    }
    let results = lines(&fs::read(folder.path().join("tasks.jsonl.results.jsonl")).unwrap());
    let states: Vec<&Value> = results.iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["completed", "refused"]);
    let batches = tenant.get("/v1/batches").await.body;
    assert_eq!(batches["batches"].as_array().map(Vec::len), Some(1));
}
