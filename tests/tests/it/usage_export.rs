//! `fluxgate usage export`: a file of events that comes to what the ledger captured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fluxgate_core::id::TenantId;
use fluxgate_core::money::{EntryKind, MicroUsd};
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{AccountStore as _, Ids as _, UsageCursors as _};
use fluxgate_core::time::Timestamp;
use fluxgate_local::folder::DataFolder;
use fluxgate_tests::contract::{PRICE, Stores, admission, archived, finished, fresh_run, now};
use fluxgate_tests::{Gateway, TestTenant, process};
use serde_json::Value;
use tempfile::TempDir;

use crate::usage::{burst, set_odd_prices};

/// Where a test exports to.
struct Export {
    data: String,
    file: PathBuf,
    folder: TempDir,
}

impl Export {
    fn of(gateway: &Gateway) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = gateway.server.folder().path.to_str().unwrap().to_owned();
        Self {
            data,
            file: folder.path().join("usage.jsonl"),
            folder,
        }
    }

    /// Whether it succeeded, and what it said.
    fn run(&self, file: &Path, args: &[&str]) -> (bool, String) {
        let to = file.to_str().unwrap();
        let output =
            process::run(&[&["usage", "export", "--to", to, "--data", &self.data], args].concat());
        (
            output.status.success(),
            String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
        )
    }

    /// How many events an export adds, as it says itself.
    fn added(&self, args: &[&str]) -> usize {
        let (succeeded, said) = self.run(&self.file, args);
        assert!(succeeded, "{said}");
        said.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn events(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// What the ledger has captured, by task.
async fn captured(gateway: &Gateway, tenant: &TenantId) -> BTreeMap<String, i64> {
    let ledger = gateway.server.folder().store.ledger(tenant).await.unwrap();
    let captures = ledger
        .into_iter()
        .filter(|entry| entry.kind == EntryKind::Capture);
    captures
        .map(|entry| (entry.reference, entry.amount.0))
        .collect()
}

/// The charges in the events of one tenant, by task.
fn told(events: &[Value], tenant: &TestTenant) -> BTreeMap<String, i64> {
    let own = events
        .iter()
        .filter(|event| event["subject"] == tenant.id.as_str());
    own.map(|event| {
        let data = &event["data"];
        assert_eq!(
            (&event["id"], &event["type"]),
            (&data["task"], &"fluxgate.usage.v1".into())
        );
        (
            event["id"].as_str().unwrap().to_owned(),
            data["charged_micro_usd"].as_i64().unwrap(),
        )
    })
    .collect()
}

async fn run_one(tenant: &TestTenant) -> String {
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    task
}

#[tokio::test]
async fn an_export_comes_to_the_ledger_s_captures_and_the_next_one_adds_only_what_is_new() {
    let gateway = Gateway::start().await;
    let (acme, other) = (
        gateway.tenant("acme", "10").await,
        gateway.tenant("other", "1").await,
    );
    set_odd_prices(&gateway, &acme).await;
    burst(&gateway, &acme).await;
    run_one(&other).await;
    let export = Export::of(&gateway);

    let (first, again) = (export.added(&[]), export.added(&[]));
    let new = run_one(&acme).await;
    let third = export.added(&[]);

    assert_eq!((first, again, third), (24, 0, 1));
    let events = export.events();
    assert_eq!(told(&events, &acme), captured(&gateway, &acme.id).await);
    assert_eq!(told(&events, &other), captured(&gateway, &other.id).await);
    assert_eq!(events.last().unwrap()["id"], new);
    let data = &events[0]["data"];
    assert_eq!(
        data["charged_usd"],
        MicroUsd(data["charged_micro_usd"].as_i64().unwrap()).decimal()
    );
    assert!(
        data["provider_cost_micro_usd"].as_i64().unwrap() > 0 && data["provider_run"].is_string(),
        "{data}"
    );
    assert_eq!(
        (&data["outputs"], &events[0]["time"]),
        (&1.into(), &data["completed_at"])
    );
}

#[tokio::test]
async fn a_file_whose_last_line_was_cut_off_is_made_good_by_a_restart() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let export = Export::of(&gateway);
    for _ in 0..2 {
        run_one(&tenant).await;
    }
    assert_eq!(export.added(&[]), 2);
    let whole = std::fs::read_to_string(&export.file).unwrap();
    std::fs::write(&export.file, &whole[..whole.len() - 40]).unwrap();

    let again = export.added(&["--restart"]);

    assert_eq!(again, 2);
    let text = std::fs::read_to_string(&export.file).unwrap();
    let first = whole.split_inclusive('\n').next().unwrap();
    assert_eq!(
        text,
        format!("{first}{whole}"),
        "the same bytes again after the one whole line"
    );
}

/// Whose tasks are kept until every export has told them.
#[tokio::test]
async fn an_export_that_is_not_made_any_more_is_forgotten() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let export = Export::of(&gateway);
    run_one(&tenant).await;
    assert_eq!(export.added(&[]), 1);

    let (forgotten, said) = export.run(&export.file, &["--forget"]);
    let (both, _) = export.run(&export.file, &["--forget", "--restart"]);

    assert!(forgotten && said.contains("forgot"), "{said}");
    assert!(!both, "one or the other");
    let cursors = gateway.server.folder().store.cursors(&tenant.id).await;
    assert_eq!(cursors.unwrap(), []);
    assert_eq!(export.added(&[]), 1, "as if it were the first");
}

#[tokio::test]
async fn forgetting_an_export_that_was_never_made_is_refused_and_makes_no_file() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let export = Export::of(&gateway);
    let other = export.folder.path().join("other.jsonl");
    let (_, none) = export.run(&other, &["--forget"]);
    run_one(&tenant).await;
    assert_eq!(export.added(&[]), 1);
    let file = export.file.canonicalize().unwrap();

    let (forgotten, said) = export.run(&other, &["--forget"]);
    std::fs::remove_file(&file).unwrap();
    let (moved, told) = export.run(&export.file, &["--forget"]);

    assert!(none.contains("nothing was exported yet"), "{none}");
    let text = format!("other.jsonl; those are: {}", file.display());
    assert!(!forgotten && said.contains(&text), "{said}");
    assert!(!other.exists() && !file.exists());
    assert!(moved && told.contains("of 1 tenant;"), "{told}");
}

#[tokio::test]
async fn one_tenant_may_be_exported_alone_and_each_file_has_its_own_progress() {
    let gateway = Gateway::start().await;
    let (one, other) = (
        gateway.tenant("one", "1").await,
        gateway.tenant("other", "1").await,
    );
    run_one(&one).await;
    run_one(&other).await;
    let export = Export::of(&gateway);

    assert_eq!(export.added(&["--tenant", "one"]), 1);
    assert_eq!(
        (
            export.events().len(),
            export.events()[0]["subject"].as_str()
        ),
        (1, Some("one"))
    );
    assert_eq!(
        export.added(&[]),
        1,
        "only the other tenant's event is new in this file"
    );
    let subjects: BTreeSet<String> = export
        .events()
        .iter()
        .map(|it| it["subject"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(subjects, ["one".to_owned(), "other".to_owned()].into());
    let (_, said) = export.run(&export.folder.path().join("second.jsonl"), &[]);
    assert!(said.starts_with("added 2 events to "), "{said}");
    assert!(said.ends_with("they total $0.16\n"), "{said}");
}

#[tokio::test]
async fn a_wrong_file_or_tenant_is_one_clear_line() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let export = Export::of(&gateway);

    let missing = export.run(&export.folder.path().join("none/usage.jsonl"), &[]);
    let nobody = export.run(&export.file, &["--tenant", "nobody"]);

    assert!(
        !missing.0
            && missing.1.contains("none/usage.jsonl")
            && missing.1.contains("folder that exists"),
        "{missing:?}"
    );
    assert!(
        !nobody.0 && nobody.1.contains("'nobody'") && nobody.1.contains("tenants list"),
        "{nobody:?}"
    );
    assert_eq!(
        (missing.1.lines().count(), nobody.1.lines().count()),
        (1, 1)
    );
}

/// This many completed tasks that are older than the export waits for.
async fn complete(tenant: &TenantId, stores: &Stores, count: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (stores, mut admission) = (stores.clone(), admission(tenant));
        admission.task.id = SystemEntropy.task_id(Timestamp(now().0 - 20 * 60_000));
        tasks.spawn(async move {
            let task = admission.task.clone();
            stores.tasks.admit(admission).await.unwrap();
            let task = stores.signal(&task, finished(fresh_run())).await;
            stores.signal(&task, archived()).await;
        });
    }
    tasks.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_is_killed_again_and_again_loses_nothing_and_leaves_no_half_line() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (
        folder.path().join("data"),
        folder.path().join("usage.jsonl"),
    );
    let (opened, tenant) = (DataFolder::open(&data).unwrap(), "acme".parse().unwrap());
    opened
        .add_tenant(&tenant, MicroUsd(3_000 * PRICE.0))
        .await
        .unwrap();
    complete(&tenant, &Stores::on(opened.store), 3_000).await;
    let args = [
        "usage",
        "export",
        "--to",
        file.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ];
    let bytes = || std::fs::metadata(&file).map_or(0, |file| file.len());

    for _ in 0..4 {
        let before = bytes();
        let mut export = Command::new(process::binary())
            .args(args)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while bytes() == before && export.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        export.kill().unwrap();
        export.wait().unwrap();
    }
    let last = process::run(&args);

    assert!(
        last.status.success(),
        "{}",
        String::from_utf8_lossy(&last.stderr)
    );
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: BTreeSet<&str> = text.lines().collect();
    let ids: BTreeSet<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].to_string())
        .collect();
    assert_eq!((lines.len(), ids.len()), (3_000, 3_000));
}
