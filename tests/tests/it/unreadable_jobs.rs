//! A data folder with a job that no release can read: whatever wrote it, everybody else's jobs are worked on.

use std::path::Path;
use std::sync::Arc;

use fluxgate_core::job::{Delayed, Job, Lane};
use fluxgate_core::port::{Queue as _, SystemClock};
use fluxgate_embedded::sqlite::SqliteStore;
use fluxgate_tests::contract::{fresh_task_id, fresh_tenant};
use rusqlite::Connection;

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn a_stored_job_that_cannot_be_read_is_a_dead_letter_and_keeps_no_other_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let job = Job::Archive { tenant: fresh_tenant(), task: fresh_task_id() };
    open(folder.path()).send(&[Delayed { job: job.clone(), after_ms: 0 }]).await.unwrap();
    let connection = Connection::open(folder.path().join("fluxgate.db")).unwrap();
    let rows =
        "('archive/acme/1', 0, 0, '{\"of\": \"tomorrow\"}'), ('deliver/acme/1', 0, 0, x'ff'), ('odd', 'soon', 0, '{}')";
    connection.execute(&format!("INSERT INTO jobs (key, due_at, failures, body) VALUES {rows}"), []).unwrap();

    let store = open(folder.path());

    let leases = store.receive(Lane::Archive, 10, 60_000).await.unwrap();
    assert_eq!(leases.iter().map(|lease| &lease.job).collect::<Vec<_>>(), [&job]);
    let kept = "SELECT group_concat(lane || ' ' || quote(body), ' ') FROM (SELECT * FROM dead_letters ORDER BY lane)";
    let kept: String = connection.query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "archive '{\"of\": \"tomorrow\"}' notify X'FF' watch '{}'");
    let left: u32 = connection.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
    for lane in Lane::ALL {
        assert_eq!(store.dead_letters(lane).await.unwrap(), []);
    }
}
