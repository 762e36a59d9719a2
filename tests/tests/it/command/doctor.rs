//! `fluxgate doctor` on folders that are damaged, and beside a provider whose clock is another.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use aws_sdk_sqs::primitives::{DateTime, DateTimeFormat};
use axum::Router;
use axum::http::{StatusCode, header};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_tests::process;

use super::{path, said};

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let added = process::run(&["tenants", "add", "acme", "--data", data]);
    assert!(added.status.success(), "{}", said(&added));
    folder
}

/// What it says of the data folder.
fn told(folder: &Path) -> String {
    let output = process::run(&["doctor", "--data", path(folder)]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let line = shown.lines().find(|line| line.contains(" data folder "));
    line.unwrap_or_else(|| panic!("{shown}")).to_owned()
}

/// Spoils the root page of a table that holds nothing, which no command reads.
fn spoil_database(folder: &Path) {
    let file = folder.join("fluxgate.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    let number = |query: &str| -> u64 {
        let number = database.query_row(query, [], |row| row.get::<_, i64>(0));
        number.unwrap().unsigned_abs()
    };
    number("PRAGMA wal_checkpoint(TRUNCATE)");
    let root = number("SELECT rootpage FROM sqlite_master WHERE name = 'deliveries'");
    let page_bytes = number("PRAGMA page_size");
    drop(database);
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.write_all_at(&[0xff; 64], (root - 1) * page_bytes)
        .unwrap();
}

#[test]
fn a_folder_that_is_damaged_is_not_called_sound() {
    let sound = folder();
    assert!(
        told(sound.path()).starts_with("ok "),
        "{}",
        told(sound.path())
    );

    let spoilt = folder();
    spoil_database(spoilt.path());
    let spoilt = told(spoilt.path());
    assert!(
        spoilt.starts_with("BAD") && spoilt.contains("damaged"),
        "{spoilt}"
    );

    let secrets = folder();
    std::fs::write(secrets.path().join("secrets.json"), "{}").unwrap();
    let secrets = told(secrets.path());
    assert!(
        secrets.starts_with("BAD") && secrets.contains("secrets.json"),
        "{secrets}"
    );

    let missing = folder();
    std::fs::remove_file(missing.path().join("secrets.json")).unwrap();
    let told = told(missing.path());
    assert!(
        told.starts_with("BAD") && told.contains("secrets.json"),
        "{told}"
    );
    assert!(
        !missing.path().join("secrets.json").exists(),
        "doctor makes nothing"
    );
}

#[test]
fn what_was_compared_and_a_folder_that_is_not_there_are_told() {
    let folder = folder();
    let data = path(folder.path());
    let full = process::run(&["doctor", "--full", "--data", data]).stdout;
    let full = String::from_utf8(full).unwrap();
    assert!(full.contains("was compared with its indexes"), "{full}");
    assert!(!told(folder.path()).contains("compared"));

    let nowhere = folder.path().join("nope");
    let asked = process::run(&["healthcheck", "--data", path(&nowhere)]);

    let told = said(&asked);
    assert!(!asked.status.success());
    assert!(told.contains("nope is not a data folder"), "{told}");
}

/// A provider that knows no key, and whose clock is ahead by so many seconds.
async fn provider_ahead_by(seconds: i64) -> String {
    let refuse = move || async move {
        let there = DateTime::from_secs(SystemClock.now().seconds() + seconds);
        let date = there.fmt(DateTimeFormat::HttpDate).unwrap();
        (StatusCode::UNAUTHORIZED, [(header::DATE, date)])
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(refuse);
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

#[tokio::test]
async fn a_clock_that_is_off_by_more_than_a_minute_is_told() {
    for (ahead_s, wanted) in [
        (20, "ok   clock        agrees with http://127.0.0.1:"),
        (3_600, "BAD  clock        the clock of this machine is 3"),
        (-3_600, " s ahead of http://127.0.0.1:"),
    ] {
        let url = provider_ahead_by(ahead_s).await;
        let asking = move || {
            let env = [("WAVESPEED_API_KEY", "a-key"), ("FLUXGATE_PROVIDER", &url)];
            let folder = folder();
            process::run_with(&["doctor", "--data", path(folder.path())], &env).stdout
        };

        let told = tokio::task::spawn_blocking(asking).await.unwrap();

        let told = String::from_utf8(told).unwrap();
        assert!(told.contains(wanted), "{ahead_s}: {told}");
        let is_mended = told.contains("set it by NTP, as by 'timedatectl set-ntp true'");
        assert_eq!(is_mended, ahead_s != 20, "{told}");
    }
    let folder = folder();
    let alone = process::run(&["doctor", "--data", path(folder.path())]).stdout;
    assert!(
        String::from_utf8(alone)
            .unwrap()
            .contains("clock        not compared")
    );
}
