//! A database that was damaged in its middle: a server starts on it, and finds out when it reads
//! there. From then on nobody is to send it requests.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, TestOperator, process};
use rusqlite::Connection;
use serde_json::Value;

/// Spoils the page that the audit log begins on.
fn damage(data: &Path) {
    let path = data.join("fluxgate.db");
    let database = Connection::open(&path).unwrap();
    let number = |sql| database.query_row(sql, [], |row| row.get::<_, u32>(0));
    let page = number("SELECT rootpage FROM sqlite_master WHERE name = 'audit_log'").unwrap();
    let bytes = number("PRAGMA page_size").unwrap();
    let log = "PRAGMA wal_checkpoint(TRUNCATE)";
    database.query_row(log, [], |_| Ok(())).unwrap();
    drop(database);
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let at = u64::from(page - 1) * u64::from(bytes);
    file.write_all_at(&vec![0xff; bytes as usize], at).unwrap();
}

/// It answered 200 to `/readyz` for ever.
#[tokio::test]
async fn a_server_that_met_damage_is_not_ready_and_says_once_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let data_arg = data.to_str().unwrap();
    let command = |args: &[&str]| process::run(&[args, &["--data", data_arg]].concat());
    assert!(command(&["tenants", "add", "acme"]).status.success());
    damage(&data);
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let args = ["--data", data_arg, "--listen", &listen];
    let args = [&args[..], &["--s3-listen", "127.0.0.1:0"]].concat();
    let said = File::create(&log).unwrap();
    let served = FluxgateProcess::serve_saying(&args, &[], &base_url, said.into()).await;
    let ready = || async {
        let answer = reqwest::get(format!("{base_url}/readyz")).await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(ready().await.0, 200, "nobody has read there");

    let token = String::from_utf8(command(&["token", "--admin"]).stdout).unwrap();
    let operator = TestOperator::new(&base_url, token.trim());
    for _ in 0..2 {
        let read = operator.get("/audit").await;
        assert_eq!(
            (read.status.as_u16(), read.text("/code")),
            (500, "database_corrupt".to_owned())
        );
    }

    let (status, told) = ready().await;
    assert_eq!(
        (status.as_u16(), &told["status"]),
        (503, &"database_corrupt".into())
    );
    assert!(
        told["detail"]
            .as_str()
            .unwrap()
            .contains("fluxgate restore"),
        "{told}"
    );
    let health = command(&["healthcheck"]);
    let health_said = String::from_utf8(health.stderr).unwrap();
    assert_eq!(health.status.code(), Some(6), "{health_said}");
    assert!(health_said.contains("database_corrupt"), "{health_said}");
    let doctor = String::from_utf8(command(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("but its database is damaged"), "{doctor}");
    served.kill();
    let log = std::fs::read_to_string(log).unwrap();
    let times = log.matches("run 'fluxgate restore BACKUP").count();
    assert_eq!(times, 1, "{log}");
}
