//! A data folder of an older release, killed while its first start brings it up to date.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use fluxgate_tests::process;
use rusqlite::Connection;

/// More rows than the writer keeps in memory, so that some are in the log before the end.
const TASKS: i64 = 20_000;
const OLD: u32 = 11;

/// A folder as the release before left it: each task has two steps.
fn old_folder(data: &Path, tasks: i64) {
    let connection = Connection::open(data.join("fluxgate.db")).unwrap();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/embedded/src");
    let schema: String = (1..=OLD)
        .map(|n| fs::read_to_string(sources.join(format!("sqlite/migrations/{n}.sql"))).unwrap())
        .collect();
    connection
        .execute_batch(&format!(
            r#"PRAGMA journal_mode = WAL; BEGIN; {schema}
             WITH RECURSIVE many (n) AS (
               SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {tasks})
             INSERT INTO tasks (tenant, id, version, body)
               SELECT 'acme', printf('%032x', n), 4,
                 json_object('state', 'completed', 'run', hex(zeroblob(150))) FROM many;
             INSERT INTO steps SELECT tenant, id, 1, '{{"at":1,"name":"admitted"}}' FROM tasks;
             INSERT INTO steps SELECT tenant, id, 2, '{{"at":2,"name":"archived"}}' FROM tasks;
             INSERT INTO deliveries (tenant, task, id, version, body)
               SELECT tenant, id, id || '-00', 1, '{{"created_at":5,"state":"delivered"}}' FROM tasks;
             PRAGMA user_version = {OLD}; COMMIT;"#
        ))
        .unwrap();
}

/// Starts a command on the folder and kills it once the log has this many bytes. False if it came
/// to its end first.
fn kill_at(data: &Path, log_bytes: u64) -> bool {
    let log = data.join("fluxgate.db-wal");
    let mut child = process::command(&["tenants", "list", "--data", data.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if fs::metadata(&log).is_ok_and(|log| log.len() >= log_bytes) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        std::thread::yield_now();
    }
}

fn number(data: &Path, sql: &str) -> i64 {
    let connection = Connection::open(data.join("fluxgate.db")).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_migration_that_is_killed_loses_nothing_and_is_done_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    old_folder(data, TASKS);

    let kills = [0, 1 << 20, 4 << 20].map(|log_bytes| kill_at(data, log_bytes));
    let after = process::run(&["tenants", "list", "--data", data.to_str().unwrap()]);

    assert!(kills[0], "it was killed at least once");
    assert!(after.status.success());
    assert!(number(data, "PRAGMA user_version") > i64::from(OLD));
    let two_steps = "SELECT count(*) FROM tasks WHERE open = 0 AND version = 4
         AND steps = '{\"at\":1,\"name\":\"admitted\"}' || char(10)
                  || '{\"at\":2,\"name\":\"archived\"}' || char(10)";
    assert_eq!(number(data, two_steps), TASKS);
    let deliveries = "SELECT count(*) FROM deliveries WHERE at = 5 AND state = 'delivered'";
    assert_eq!(number(data, deliveries), TASKS);
}

#[test]
fn a_command_that_brings_a_folder_up_to_date_says_so_once_and_not_to_programs() {
    for (flags, is_told) in [
        (&[][..], true),
        (&["--json"][..], false),
        (&["--quiet"][..], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        old_folder(folder.path(), 1);
        let args = ["tenants", "list", "--data", folder.path().to_str().unwrap()];

        let [first, second] = [(); 2].map(|()| process::run(&[&args[..], flags].concat()));

        let said = String::from_utf8(first.stderr).unwrap();
        let told = format!("the data folder's schema was brought from version {OLD} to");
        assert_eq!(said.matches(&told).count(), usize::from(is_told), "{said}");
        let said = String::from_utf8(second.stderr).unwrap();
        assert!(!said.contains("schema"), "{said}");
        assert!(first.status.success() && second.status.success());
    }
}
