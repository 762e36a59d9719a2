//! The file of encryption keys beside a database: private, the right one, and never made anew over
//! secrets that it would not open.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use fluxgate_tests::process;
use rusqlite::{Connection, params};
use tempfile::TempDir;

/// A data folder with one tenant.
struct Folder(TempDir);

impl Folder {
    fn with_a_tenant() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        assert_eq!(folder.add_tenant("acme"), "");
        folder
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn keys(&self) -> PathBuf {
        self.data().join("encryption-keys.json")
    }

    /// What went wrong; empty if nothing did.
    fn add_tenant(&self, name: &str) -> String {
        let data = self.data();
        let added = process::run(&["tenants", "add", name, "--data", data.to_str().unwrap()]);
        let said = String::from_utf8(added.stderr).unwrap();
        if added.status.success() {
            return String::new();
        }
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    }

    fn database(&self) -> Connection {
        Connection::open(self.data().join("fluxgate.db")).unwrap()
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_that_others_can_read_are_refused_with_the_fix_and_left_as_they_are() {
    let folder = Folder::with_a_tenant();
    assert_eq!(mode(&folder.keys()), 0o600);

    for loose in [0o644, 0o640, 0o602] {
        chmod(&folder.keys(), loose);
        let said = folder.add_tenant("bolt");

        let fix = format!("run 'chmod 600 {}'", folder.keys().display());
        assert!(said.contains(&fix), "{said}");
        assert_eq!(mode(&folder.keys()), loose);
    }
    let data = folder.data();
    let doctor = process::run(&["doctor", "--data", data.to_str().unwrap()]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("BAD  data folder  other users can"), "{said}");

    chmod(&folder.keys(), 0o600);
    assert_eq!(folder.add_tenant("bolt"), "");
}

#[test]
fn a_missing_file_of_keys_is_never_made_anew_over_secrets_that_it_would_not_open() {
    let folder = Folder::with_a_tenant();
    let saved = folder.0.path().join("saved");
    fs::rename(folder.keys(), &saved).unwrap();

    let said = folder.add_tenant("bolt");

    assert!(said.contains("is missing"), "{said}");
    assert!(said.contains("restore it from a backup"), "{said}");
    assert!(!folder.keys().exists());
    fs::rename(&saved, folder.keys()).unwrap();
    assert_eq!(folder.add_tenant("bolt"), "");
}

#[test]
fn keys_that_do_not_open_what_the_database_holds_are_refused_at_the_start() {
    let (folder, other) = (Folder::with_a_tenant(), Folder::with_a_tenant());
    let right = fs::read(folder.keys()).unwrap();
    fs::copy(other.keys(), folder.keys()).unwrap();

    let said = folder.add_tenant("bolt");

    assert!(said.contains("do not open the secrets"), "{said}");
    assert!(said.contains("restore"), "{said}");
    fs::write(folder.keys(), right).unwrap();
    assert_eq!(folder.add_tenant("bolt"), "");
}

#[test]
fn damaged_keys_are_refused_in_one_line_that_shows_nothing_of_them() {
    let folder = Folder::with_a_tenant();
    let whole = fs::read_to_string(folder.keys()).unwrap();
    let key = whole.split('"').find(|part| part.len() == 64).unwrap();
    let cut = &whole[..whole.len() - 10];

    for damaged in ["", "{", cut, &whole.replace("active", "Active"), key] {
        fs::write(folder.keys(), damaged).unwrap();
        let said = folder.add_tenant("bolt");

        assert!(said.contains("is damaged; restore it"), "{said}");
        assert!(!said.contains(&key[..8]), "{said}");
    }
}

#[test]
fn a_folder_of_an_earlier_release_gets_keys_at_its_next_start_and_its_secrets_are_read() {
    let folder = Folder::with_a_tenant();
    fs::remove_file(folder.keys()).unwrap();
    let database = folder.database();
    let plain = r#"UPDATE tenants SET body = json_set(body, '$.webhook_secret', ?1)"#;
    database.execute(plain, params!["whsec_plain"]).unwrap();
    database
        .execute_batch(
            "DROP TABLE removals; DROP TABLE removal_pass; DROP INDEX idempotency_by_expiry;
             DROP INDEX dead_letters_by_age; DROP INDEX trusts_by_claim;
             DROP INDEX usage_cursors_by_tenant;
             DROP TABLE encryption_check; DROP INDEX deliveries_by_age; DROP INDEX inputs_by_expiry;
             DROP TABLE batches; DROP TABLE batch_chunks; DROP TABLE admin_tokens;
             DROP TABLE alerts; DROP TABLE api_keys; DROP TABLE issuer; DROP TABLE key_use;
             DROP INDEX tasks_open; ALTER TABLE tasks DROP COLUMN open;
             ALTER TABLE tasks DROP COLUMN steps;
             CREATE TABLE steps (tenant, task, n, body);
             ALTER TABLE dead_letters DROP COLUMN at;
             DROP TABLE objects; DROP TABLE discarded_files; DROP TABLE leftovers;
             DROP TABLE days; DROP TABLE day_sums; DROP TABLE day_fills;
             DROP INDEX jobs_by_due; ALTER TABLE jobs DROP COLUMN part;
             ALTER TABLE jobs DROP COLUMN tenant;
             DROP INDEX ledger_by_time; ALTER TABLE ledger DROP COLUMN reason;
             DROP TABLE inputs_drops; DROP TABLE drill; DROP TABLE catalogues;
             DROP TABLE catalogue_entries;
             ALTER TABLE inputs DROP COLUMN expires_at; PRAGMA user_version = 6;",
        )
        .unwrap();
    drop(database);

    assert_eq!(folder.add_tenant("bolt"), "");

    assert_eq!(mode(&folder.keys()), 0o600);
    let sql = "SELECT count(*) FROM encryption_check WHERE sealed LIKE '\"enc1.k1.%'";
    let checks = folder.database().query_row(sql, [], |row| row.get(0));
    assert_eq!(checks, Ok(1));
}

/// Of no release: a folder whose secrets are sealed and whose check was lost.
#[test]
fn without_a_check_the_secrets_themselves_say_that_keys_are_missing() {
    let folder = Folder::with_a_tenant();
    fs::remove_file(folder.keys()).unwrap();
    let forgotten = folder
        .database()
        .execute("DELETE FROM encryption_check", []);
    assert_eq!(forgotten, Ok(1));

    let said = folder.add_tenant("bolt");

    assert!(said.contains("is missing"), "{said}");
    assert!(!folder.keys().exists());
}
