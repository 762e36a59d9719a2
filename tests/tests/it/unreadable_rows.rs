//! A data folder with rows that no release can read: other tenants are served, and the error says
//! what to mend.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fluxgate_core::port::{Queue as _, SystemClock};
use fluxgate_core::task::{Delayed, Job, Lane};
use fluxgate_embedded::sqlite::SqliteStore;
use fluxgate_tests::contract::{fresh_task_id, fresh_tenant};
use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, TestTenant, process};
use rusqlite::Connection;

use crate::command::said;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn a_stored_job_that_cannot_be_read_is_a_dead_letter_and_keeps_no_other_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job::Archive {
        tenant: fresh_tenant(),
        task: fresh_task_id(),
    };
    open(folder.path())
        .send(&[Delayed {
            job: job.clone(),
            after_ms: 0,
        }])
        .await
        .unwrap();
    let connection = Connection::open(folder.path().join("fluxgate.db")).unwrap();
    let rows = "('archive/acme/1', 0, 0, '{\"of\": \"tomorrow\"}'), ('deliver/acme/1', 0, 0, x'ff'), ('odd', 'soon', 0, '{}')";
    connection
        .execute(
            &format!("INSERT INTO jobs (key, due_at, failures, body) VALUES {rows}"),
            [],
        )
        .unwrap();

    let store = open(folder.path());

    let receive = |lane| store.receive(lane, 10, 60_000);
    let (watches, leases, deliveries) = tokio::join!(
        receive(Lane::Watch),
        receive(Lane::Archive),
        receive(Lane::Notify)
    );
    assert!(watches.unwrap().is_empty() && deliveries.unwrap().is_empty());
    let leases = leases.unwrap();
    assert_eq!(
        leases.iter().map(|lease| &lease.job).collect::<Vec<_>>(),
        [&job]
    );
    let kept = "SELECT group_concat(lane || ' ' || quote(body), ' ') FROM (SELECT * FROM dead_letters ORDER BY lane)";
    let kept: String = connection.query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(
        kept,
        "archive '{\"of\": \"tomorrow\"}' notify X'FF' watch '{}'"
    );
    let left: u32 = connection
        .query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 1);
    for lane in Lane::ALL {
        let letters = store.dead_letters(lane).await.unwrap();
        assert!(letters.iter().all(|letter| letter.job.is_none()));
        let ids = letters.iter().map(|letter| letter.id.clone()).collect();
        assert_eq!(store.redrive(lane, &ids).await.unwrap(), BTreeSet::new());
        assert_eq!(store.delete_dead_letters(lane, &ids).await.unwrap(), ids);
    }
}

/// A folder with the tenants `acme` and `other`, and what this statement does to its database.
fn spoilt(statement: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    for tenant in ["acme", "other"] {
        assert!(
            process::run(&["tenants", "add", tenant, "--balance", "1", "--data", &data])
                .status
                .success()
        );
    }
    let connection = Connection::open(Path::new(&data).join("fluxgate.db")).unwrap();
    assert!(
        connection.execute(statement, []).unwrap() > 0,
        "{statement}"
    );
    (folder, data)
}

fn token(data: &str, tenant: &str) -> String {
    let token = process::run(&["token", tenant, "--data", data]);
    assert!(token.status.success(), "{}", said(&token));
    String::from_utf8(token.stdout).unwrap().trim().to_owned()
}

/// Both trust the issuer of the folder.
#[tokio::test]
async fn a_trust_that_cannot_be_read_shuts_out_its_own_tenant_and_no_other() {
    let (_folder, data) = spoilt("UPDATE trusts SET body = '[]' WHERE tenant = 'acme'");
    let base_url = format!("http://{}", free_address());
    let listen = base_url.trim_start_matches("http://");
    let args = [
        "--data",
        &data,
        "--listen",
        listen,
        "--s3-listen",
        "127.0.0.1:0",
        "--provider",
        "emulator",
    ];
    let _process = FluxgateProcess::serve(&args, &[], &base_url).await;

    let [acme, other] = ["acme", "other"]
        .map(|name| TestTenant::new(name.parse().unwrap(), &base_url, token(&data, name)));

    assert_eq!(acme.get("/api/v3/balance").await.status, 401);
    assert_eq!(
        other
            .ended(&other.submit(&other.inputs().await).await)
            .await["status"],
        "completed"
    );
}

#[tokio::test]
async fn books_that_cannot_be_read_are_named_and_keep_no_others_from_being_checked() {
    let task = fresh_task_id();
    for (statement, named) in [
        (
            format!(
                "INSERT INTO tasks (tenant, id, version, open, body) VALUES ('acme', '{task}', 1, 1, '{{}}')"
            ),
            task.as_str(),
        ),
        (
            "UPDATE accounts SET allowance = 'x' WHERE tenant = 'acme'".to_owned(),
            "budget of tenant 'acme'",
        ),
    ] {
        let (_folder, data) = spoilt(&statement);
        let checked = process::run(&["accounts", "check", "--data", &data]);
        let findings = String::from_utf8(checked.stdout.clone()).unwrap();
        assert!(!checked.status.success(), "{findings}");
        assert!(
            findings.contains(named) && findings.contains("restore it from a backup"),
            "{findings}"
        );
        assert!(
            said(&checked).contains("1 finding in the books of 2 tenants"),
            "{}",
            said(&checked)
        );
    }
}

/// A tenant with an unreadable record is still listed.
#[tokio::test]
async fn a_tenant_that_cannot_be_read_keeps_nobody_else_s_tasks_from_being_looked_over() {
    let (_folder, data) = spoilt("UPDATE tenants SET body = 'x' WHERE id = 'acme'");
    let checked = process::run(&["accounts", "check", "--data", &data]);
    let shown = process::run(&["tenants", "show", "acme", "--data", &data]);

    assert!(
        String::from_utf8(checked.stdout.clone())
            .unwrap()
            .contains("the books of 2 tenants are right")
    );
    assert!(
        said(&shown).contains("tenant 'acme' cannot be read; restore it"),
        "{}",
        said(&shown)
    );
}
