//! SIGKILL while a folder is restored: there is no folder that is not whole, and the next run makes
//! it as if there had been none before.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fluxgate_core::port::{Ids as _, SystemEntropy};
use fluxgate_core::task::State;
use fluxgate_core::time::Timestamp;
use fluxgate_tests::contract::{Stores, day_sums, now};
use fluxgate_tests::{eventually, process};
use futures::future::join_all;
use serde_json::Value;

use crate::crash::{kills, random_below};

/// Unless `TEST_KILLS` says another number.
const KILLS: usize = 6;
const TASKS: i64 = 400;

/// Of the folder that comes into being.
fn doubted(partial: &Path) -> i64 {
    let Ok(database) = rusqlite::Connection::open_with_flags(
        partial.join("fluxgate.db"),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
    ) else {
        return 0;
    };
    let sql = "SELECT count(*) FROM tasks WHERE json_extract(body, '$.state') = 'unknown'";
    database.query_row(sql, [], |row| row.get(0)).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restoration_that_sigkills_cut_off_leaves_no_half_folder_and_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let [data, backup, restored] =
        ["data", "backup", "restored"].map(|name| folder.path().join(name));
    let partial = folder.path().join("restored.partial");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (at, to) = (text(&data), text(&backup));
    let add = ["tenants", "add", "acme", "--balance", "100", "--data", &at];
    assert!(process::run(&add).status.success());
    let (tenant, stores) = ("acme".parse().unwrap(), Stores::on_sqlite(&data));
    let sent = (0..TASKS).map(|n| {
        let at = Timestamp(now().0 - 60_000 + n);
        let mut submit = day_sums::submit(&tenant, at);
        submit.task.id = SystemEntropy.task_id(at);
        stores.admit(submit)
    });
    for task in join_all(sent).await {
        assert_eq!(task.unwrap().state, State::Submitting);
    }
    let made = process::run(&["backup", &to, "--data", &at]);
    assert!(made.status.success(), "{made:?}");
    let into = text(&restored);
    let restore = ["restore", &to, "--json", "--data", &into];

    let mut cut_off = 0;
    for kill in 0..kills(KILLS) {
        let mut running = process::command(&restore)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if kill % 2 == 0 {
            eventually("some tasks in doubt", || async {
                (doubted(&partial) > 0 || restored.exists()).then_some(())
            })
            .await;
        } else {
            tokio::time::sleep(Duration::from_millis(random_below(300))).await;
        }
        running.kill().unwrap();
        running.wait().unwrap();
        if restored.exists() {
            std::fs::remove_dir_all(&restored).unwrap();
        } else {
            cut_off += 1;
        }
    }
    let output = process::run(&restore);

    assert!(cut_off > 0, "every run was over before it was killed");
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["tasks_in_doubt"], TASKS, "{report}");
    assert!(!partial.exists());
    assert_eq!(doubted(&restored), TASKS);
    let books = process::run(&["accounts", "check", "--json", "--data", &into]);
    let books: Value = serde_json::from_slice(&books.stdout).unwrap();
    assert_eq!(books["findings"], serde_json::json!([]), "{books}");
}
