//! Commands that change nothing: they read beside the server of the folder and leave it alone.

use std::path::Path;

use fluxgate_tests::{Gateway, process};
use rusqlite::Connection;

/// A job that this release cannot read. Whoever loads the queue moves it away.
const UNREADABLE: &str = "INSERT INTO jobs (key, due_at, failures, body)
    VALUES ('archive/acme/1', 0, 0, '{\"of\": \"tomorrow\"}')";

/// How many jobs that nobody can read still wait, and how many dead letters there are.
fn waiting_and_dead(data: &str) -> (u32, u32) {
    let connection = Connection::open(Path::new(data).join("fluxgate.db")).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).unwrap();
    (
        count("SELECT count(*) FROM jobs WHERE body LIKE '%tomorrow%'"),
        count("SELECT count(*) FROM dead_letters"),
    )
}

/// Every command that reads, with what it must say.
fn read_all(data: &str, task: &str, key: &str) {
    let commands: [(&[&str], &str); 12] = [
        (&["accounts", "show", "acme"], "captured $0.08"),
        (&["accounts", "check"], "are right"),
        (&["accounts", "budget", "acme"], "no budget"),
        (&["usage", "acme"], "completed      1"),
        (&["tasks", "acme"], task),
        (&["tasks", "acme", task], "submit_started"),
        (&["tenants", "list"], "acme"),
        (&["tenants", "show", "acme"], "\"id\": \"acme\""),
        (&["prices", "show", "acme"], "models"),
        (&["token", "acme"], "ey"),
        (&["token", "--admin"], "fga_"),
        (&["reconcile"], "1 bill"),
    ];
    for (command, wanted) in commands {
        let args = [command, &["--data", data]].concat();
        let output = process::run_with(&args, &[("WAVESPEED_API_KEY", key)]);
        let said = String::from_utf8_lossy(&output.stdout);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains(wanted),
            "{command:?}: {said} {told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_reads_takes_no_job_in_hand_and_no_lock() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let key = gateway.emulator.api_key().to_owned();
    let database = Connection::open(Path::new(&data).join("fluxgate.db")).unwrap();
    database.execute(UNREADABLE, []).unwrap();

    let beside = (data.clone(), task.clone(), key);
    tokio::task::spawn_blocking(move || read_all(&beside.0, &beside.1, &beside.2))
        .await
        .unwrap();

    assert_eq!(waiting_and_dead(&data), (1, 0), "the job is the server's");
    drop(database);
    gateway.server.stop().await;
    let lock = Path::new(&data).join("serve.lock");
    std::fs::remove_file(&lock).unwrap();
    let listed = process::run(&["tenants", "list", "--data", &data]);
    assert!(listed.status.success() && !lock.exists());
    assert_eq!(waiting_and_dead(&data), (1, 0), "the next server's");
}
