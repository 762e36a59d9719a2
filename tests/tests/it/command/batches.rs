//! Many tasks by one command: interrupted and gone on with, each line has one result and one
//! charge.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use fluxgate_tests::{TestTenant, eventually, process};
use serde_json::{Value, json};

use super::{Served, path, said, served};

/// A tenant of this server with ten dollars, and the arguments that speak for it.
fn tenant(served: &Served) -> (TestTenant, Vec<String>) {
    tenant_with(served, "10")
}

fn tenant_with(served: &Served, balance: &str) -> (TestTenant, Vec<String>) {
    let added = process::run(&[
        "tenants",
        "add",
        "acme",
        "--balance",
        balance,
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

/// A file with so many tasks.
async fn tasks(tenant: &TestTenant, folder: &Path, count: usize) -> PathBuf {
    let file = folder.join("tasks.jsonl");
    let line = json!({ "model": fluxgate_tests::tenant::MODEL, "input": tenant.inputs().await });
    fs::write(&file, format!("{line}\n").repeat(count)).unwrap();
    file
}

/// Runs a command for the tenant.
fn run(args: &[&str], access: &[String]) -> Output {
    let access = access.iter().map(String::as_str);
    process::run(&args.iter().copied().chain(access).collect::<Vec<_>>())
}

async fn batches(tenant: &TestTenant) -> usize {
    let batches = tenant.get("/v1/batches").await.body;
    batches["batches"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn results_replace_no_file_but_earlier_results_of_the_same_batch() {
    let served = served().await;
    let (tenant, access) = tenant(&served);
    let folder = tempfile::tempdir().unwrap();
    let file = tasks(&tenant, folder.path(), 1).await;
    let before = fs::read(&file).unwrap();
    let mine = folder.path().join("mine.txt");
    fs::write(&mine, "mine").unwrap();
    let send = |out: &Path, rest: &[&str]| {
        let args = [&["batch", path(&file), "--out", path(out)], rest].concat();
        run(&args, &access)
    };

    for (out, rest, code) in [
        (&mine, &[][..], 1),
        (&file, &["--force"], 2),
        (&folder.path().to_owned(), &[], 2),
        (&folder.path().join("no/folder"), &[], 1),
    ] {
        let refused = send(out, rest);
        assert_eq!(refused.status.code(), Some(code), "{}", said(&refused));
    }
    assert_eq!(fs::read(&mine).unwrap(), b"mine");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(batches(&tenant).await, 0);

    for rest in [&["--force"][..], &[]] {
        let sent = send(&mine, rest);
        assert!(sent.status.success(), "{}", said(&sent));
        let summary = "1 completed, 0 failed, 0 refused, charged $0.08";
        assert!(said(&sent).contains(summary), "{}", said(&sent));
        assert_eq!(lines(&fs::read(&mine).unwrap()).len(), 1);
    }
    assert_eq!(batches(&tenant).await, 1);
}

#[tokio::test]
async fn a_file_without_a_task_is_refused_before_it_is_sent() {
    let served = served().await;
    let (tenant, access) = tenant(&served);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let task = json!({ "model": "a/b", "input": { "prompt": "x" } });
    let pretty = serde_json::to_vec_pretty(&task).unwrap();

    for content in [
        fluxgate_emulator::DEMO_PHOTO,
        b"one.jpg\ntwo.jpg\n",
        b"",
        &pretty,
    ] {
        fs::write(&file, content).unwrap();
        let refused = run(&["batch", path(&file)], &access);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains("is no file of tasks"));
    }
    assert_eq!(batches(&tenant).await, 0);
}

#[tokio::test]
async fn a_batch_that_waits_says_why_and_a_cancelled_one_ends_the_command() {
    let served = served().await;
    let (tenant, access) = tenant_with(&served, "0");
    let folder = tempfile::tempdir().unwrap();
    let file = tasks(&tenant, folder.path(), 2).await;
    let args = ["batch", path(&file), "--wait", "3"];

    let waited = run(&args, &access);

    assert_eq!(waited.status.code(), Some(5), "{}", said(&waited));
    for text in ["the batch waits: insufficient_funds", "continues"] {
        assert!(said(&waited).contains(text), "{}", said(&waited));
    }
    let id = tenant.get("/v1/batches").await.text("/batches/0/id");
    let cancel = format!("/v1/batches/{id}/cancel");
    assert_eq!(tenant.post(&cancel, &json!({})).await.status, 202);
    let cancelled = run(&["batch", path(&file)], &access);
    assert_eq!(cancelled.status.code(), Some(1), "{}", said(&cancelled));
    for text in [
        "the batch was cancelled: 2 of 2 lines did not complete; see ",
        ", charged $0\n",
    ] {
        assert!(said(&cancelled).contains(text), "{}", said(&cancelled));
    }

    let suspend = ["tenants", "suspend", "acme", "--data", &served.data];
    assert!(process::run(&suspend).status.success());
    let refused = run(&["batch", path(&file), "--key", "two", "--force"], &access);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
}

#[tokio::test]
async fn a_picture_that_was_changed_is_uploaded_anew_or_named() {
    let served = served().await;
    let (_, access) = tenant(&served);
    let folder = tempfile::tempdir().unwrap();
    let file = pictures(folder.path(), 2);
    let into = folder.path().join("pictures.txt.edited");
    let journal = into.join("progress.jsonl");
    let edit = || run(&["edit", "--batch", path(&file), "a woodcut"], &access);
    let edited = edit();
    assert!(edited.status.success(), "{}", said(&edited));
    // As if it had been killed before it sent the lines.
    let uploads = fs::read_to_string(&journal).unwrap();
    let uploads = uploads.lines().filter(|line| line.contains("uploaded"));
    let uploads: String = uploads.map(|line| format!("{line}\n")).collect();
    fs::write(&journal, uploads).unwrap();
    fs::write(into.join(".fluxgate-ab12cd"), "").unwrap();
    let photo = folder.path().join("photo-1.jpg");
    let change = || {
        let changed = [&fs::read(&photo).unwrap(), &b"x"[..]].concat();
        fs::write(&photo, changed).unwrap();
    };

    change();
    let again = edit();
    change();
    let after = edit();

    assert!(again.status.success(), "{}", said(&again));
    assert!(!into.join(".fluxgate-ab12cd").exists());
    let written = fs::read_to_string(&journal).unwrap();
    assert_eq!(written.matches("\"uploaded\"").count(), 3);
    assert_eq!(after.status.code(), Some(1), "{}", said(&after));
    let text = "photo-1.jpg was changed after it was sent";
    assert!(said(&after).contains(text), "{}", said(&after));
}
