//! A database file that was cut short, emptied or written over: no start, no half start, and words
//! that name the way back.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use fluxgate_tests::process;
use tempfile::TempDir;

use crate::command::message;

fn data() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = data.to_str().unwrap();
    for tenant in ["acme", "bolt"] {
        let added = process::run(&["tenants", "add", tenant, "--data", path]);
        assert!(added.status.success());
    }
    // A command may leave everything in the log.
    let database = rusqlite::Connection::open(data.join("fluxgate.db")).unwrap();
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    database.query_row(checkpoint, [], |_| Ok(())).unwrap();
    (folder, data)
}

fn serve(data: &Path) -> Output {
    let data = data.to_str().unwrap();
    process::run(&[
        "serve",
        "--data",
        data,
        "--listen",
        "127.0.0.1:0",
        "--s3-listen",
        "127.0.0.1:0",
        "--provider",
        "emulator",
    ])
}

fn refuses(data: &Path, how: &str) {
    let database = data.join("fluxgate.db");
    let before = fs::read(&database).ok();
    let served = serve(data);

    let said = String::from_utf8_lossy(&served.stderr);
    assert_eq!(served.status.code(), Some(1), "{how}: {said}");
    let mut lines = said.lines().map(message);
    let error = lines.find(|line| line.starts_with("fluxgate: "));
    let error = error.unwrap_or_else(|| panic!("{how}: {said}"));
    assert!(error.contains("'fluxgate restore'"), "{how}: {said}");
    assert!(!said.contains("panicked"), "{how}: {said}");
    assert_eq!(fs::read(&database).ok(), before, "{how}: it was written");
}

#[test]
fn a_database_that_was_cut_short_at_any_length_is_refused_with_the_way_back() {
    let (_folder, data) = data();
    let database = data.join("fluxgate.db");
    let whole = fs::read(&database).unwrap();
    let page = 4096;
    for bytes in [
        0,
        1,
        99,
        100,
        page,
        page + 1,
        whole.len() / 2,
        whole.len() - page,
    ] {
        fs::write(&database, &whole[..bytes]).unwrap();
        refuses(&data, &format!("{bytes} of {}", whole.len()));
    }
    fs::remove_file(&database).unwrap();
    refuses(&data, "removed");
    fs::write(&database, vec![0xa5; whole.len()]).unwrap();
    refuses(&data, "written over");

    fs::write(&database, &whole).unwrap();
    let shown = process::run(&["tenants", "list", "--data", data.to_str().unwrap()]);
    assert!(shown.status.success());
}

/// One that makes an empty database there lets the next start take it for a new folder.
#[test]
fn an_emptied_database_is_refused_by_every_command_and_a_backup_of_it_costs_no_older_one() {
    let (folder, data) = data();
    let (shown, backups) = (data.to_str().unwrap(), folder.path().join("backups"));
    let into = ["backup", "--newest", "1", "--into"];
    let back_up = [&into[..], &[backups.to_str().unwrap(), "--data", shown]].concat();
    assert!(process::run(&back_up).status.success());
    let made = || fs::read_dir(&backups).unwrap().count();
    let database = data.join("fluxgate.db");
    for by in ["encryption-keys.json", "bounds.json", "s3/.fluxgate"] {
        fs::remove_file(data.join("encryption-keys.json")).ok();
        let by = data.join(by);
        fs::create_dir_all(by.parent().unwrap()).unwrap();
        fs::write(&by, "{}").unwrap();
        fs::write(&database, "").unwrap();
        for command in [
            &back_up[..],
            &["doctor", "--data", shown],
            &["tenants", "list", "--data", shown],
            &["tenants", "add", "cork", "--data", shown],
            &["token", "acme", "--data", shown],
            &["usage", "export", "--to", "-", "--data", shown],
        ] {
            let output = process::run(command);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);

            assert!(!output.status.success(), "{command:?}");
            assert!(said.contains("'fluxgate restore'"), "{command:?}: {said}");
            assert_eq!(fs::read(&database).unwrap(), b"", "{command:?}");
            assert_eq!(made(), 1, "{command:?}");
        }
        refuses(&data, "emptied");
        fs::remove_file(&by).unwrap();
    }
}

/// A copy as a crash would leave it: what was written last is in the log alone.
fn crashed(data: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(data.join("fluxgate.db")).unwrap();
    let write = "CREATE TABLE IF NOT EXISTS last_words (n); INSERT INTO last_words VALUES (zeroblob(20000));";
    database.execute_batch(write).unwrap();
    for file in [
        "fluxgate.db",
        "fluxgate.db-wal",
        "secrets.json",
        "encryption-keys.json",
    ] {
        fs::copy(data.join(file), copy.path().join(file)).unwrap();
    }
    copy
}

fn tenants(data: &Path) -> String {
    let listed = process::run(&[
        "tenants",
        "list",
        "--quiet",
        "--data",
        data.to_str().unwrap(),
    ]);
    let said = String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success(), "{said}");
    String::from_utf8(listed.stdout).unwrap()
}

/// After a crash the file may be shorter than the database, for the rest is in the log.
#[test]
fn a_database_that_was_cut_short_beside_its_log_is_refused_and_one_that_crashed_starts() {
    let (_folder, data) = data();
    let (whole, cut) = (crashed(&data), crashed(&data));
    let database = File::options()
        .write(true)
        .open(cut.path().join("fluxgate.db"))
        .unwrap();
    database
        .set_len(database.metadata().unwrap().len() / 2)
        .unwrap();

    assert_eq!(tenants(whole.path()), "acme\nbolt\n");
    refuses(cut.path(), "cut beside its log");
}

#[test]
fn a_log_that_was_cut_short_costs_what_came_last_and_no_start() {
    let (_folder, data) = data();
    let copy = crashed(&data);
    let log = copy.path().join("fluxgate.db-wal");
    let log = File::options().write(true).open(log).unwrap();
    let bytes = log.metadata().unwrap().len();
    log.set_len(bytes - 100).unwrap();
    log.write_all_at(&[0xff; 8], bytes / 2).unwrap();

    assert_eq!(tenants(copy.path()), "acme\nbolt\n");
}
