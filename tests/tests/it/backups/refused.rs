//! What is no whole backup is not restored, and no folder in use is written over.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use fluxgate_tests::process;
use tempfile::TempDir;

/// A data folder with a tenant and a bucket, and what is made of it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.run(&["tenants", "add", "acme"], "data");
        let bucket = place.path("data/s3/fluxgate-acme");
        fs::create_dir_all(&bucket).unwrap();
        fs::write(bucket.join("a\nb.txt"), "by hand").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What went wrong; empty if nothing did.
    fn run(&self, args: &[&str], data: &str) -> String {
        let data = self.path(data);
        let output = process::run(&[args, &["--data", data.to_str().unwrap()]].concat());
        match output.status.success() {
            true => String::new(),
            false => String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn back_up(&self, to: &str, flags: &[&str]) -> String {
        let to = self.path(to);
        self.run(&[&["backup", to.to_str().unwrap()], flags].concat(), "data")
    }

    fn restore(&self, from: &str, to: &str, flags: &[&str]) -> String {
        let from = self.path(from);
        self.run(&[&["restore", from.to_str().unwrap()], flags].concat(), to)
    }
}

fn modes(folder: &Path) -> Vec<u32> {
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o077;
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    [folder.to_owned()]
        .into_iter()
        .chain(files)
        .map(|path| mode(&path))
        .collect()
}

#[test]
fn a_backup_is_private_whole_and_made_where_nothing_is() {
    let place = Place::new();
    fs::create_dir(place.path("backup.partial")).unwrap();
    fs::write(place.path("backup.partial/fluxgate.db"), "interrupted").unwrap();

    let made = place.back_up("backup", &["--buckets"]);

    assert_eq!(made, "");
    assert!(!place.path("backup.partial").exists());
    assert!(
        modes(&place.path("backup"))
            .iter()
            .all(|others| *others == 0)
    );
    let check =
        "sha256sum --check --quiet --strict buckets.sha256 && ! ls | grep -e -wal -e -shm -e lock";
    process::bash(&place.path("backup"), &[], check);
    let again = place.back_up("backup", &[]);
    assert!(again.contains("is not empty"), "{again}");
    let within = place.back_up("data/backup", &[]);
    assert!(within.contains("lies in the data folder"), "{within}");
    assert_eq!(place.restore("backup", "restored", &[]), "");
    let file = place.path("restored/s3/fluxgate-acme/a\nb.txt");
    assert_eq!(fs::read_to_string(file).unwrap(), "by hand");
    assert_eq!(place.run(&["tenants", "show", "acme"], "restored"), "");
    let links = place.run(&["token", "acme"], "restored");
    assert_eq!(links, "", "the secrets are there");
    assert_eq!(place.back_up("without", &[]), "");
    assert_eq!(place.restore("without", "empty", &[]), "");
    let bucket = fs::read_dir(place.path("empty/s3/fluxgate-acme")).unwrap();
    assert_eq!(
        bucket.count(),
        0,
        "the bucket is there, and what was in it is not"
    );
}

#[test]
fn what_is_no_whole_backup_is_not_restored_and_leaves_nothing() {
    let place = Place::new();
    assert_eq!(place.back_up("backup", &["--buckets"]), "");
    let whole = |name: &str| fs::read(place.path("backup").join(name)).unwrap();
    let bucket = "s3/fluxgate-acme/a\nb.txt";
    for name in ["fluxgate.db", "secrets.json", "buckets.sha256", bucket] {
        let mut damaged = whole(name);
        let sound = damaged.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(place.path("backup").join(name), damaged).unwrap();

        let said = place.restore("backup", "restored", &[]);

        assert!(
            said.contains("is damaged; use another backup"),
            "{name}: {said}"
        );
        assert!(!place.path("restored").exists() && !place.path("restored.partial").exists());
        fs::remove_file(place.path("backup").join(name)).unwrap();
        let said = place.restore("backup", "restored", &[]);
        let lacks = format!("backup is incomplete: it lacks {name}; use another backup");
        assert!(said.contains(&lacks), "{name}: {said}");
        fs::write(place.path("backup").join(name), sound).unwrap();
    }
    fs::rename(
        place.path("backup/manifest.json"),
        place.path("manifest.json"),
    )
    .unwrap();
    let said = place.restore("backup", "restored", &[]);
    assert!(said.contains("is no whole backup"), "{said}");
    let manifest = fs::read_to_string(place.path("manifest.json")).unwrap();
    let later = manifest.replace("\"schema_version\": ", "\"schema_version\": 9");
    fs::write(place.path("backup/manifest.json"), later).unwrap();
    let said = place.restore("backup", "restored", &[]);
    assert!(said.contains("later than this one"), "{said}");
    fs::rename(
        place.path("manifest.json"),
        place.path("backup/manifest.json"),
    )
    .unwrap();

    let said = place.restore("backup", "data", &[]);

    assert!(said.contains("data is not empty"), "{said}");
    assert_eq!(place.restore("backup", "restored", &[]), "");
}

#[test]
fn secrets_that_were_left_out_are_asked_for_and_the_wrong_ones_refused() {
    let (place, other) = (Place::new(), Place::new());
    assert_eq!(place.back_up("backup", &["--without-secrets"]), "");
    for secret in ["secrets.json", "encryption-keys.json", "admin-token"] {
        assert!(!place.path("backup").join(secret).exists(), "{secret}");
    }

    let without = place.restore("backup", "restored", &[]);
    let foreign = other.path("data");
    let foreign = place.restore(
        "backup",
        "restored",
        &["--secrets", foreign.to_str().unwrap()],
    );
    let own = place.path("data");
    let own = place.restore("backup", "restored", &["--secrets", own.to_str().unwrap()]);

    assert!(without.contains("made without secrets"), "{without}");
    let named = other.path("data/encryption-keys.json");
    assert!(
        foreign.contains("do not open the secrets") && foreign.contains(named.to_str().unwrap()),
        "{foreign}"
    );
    assert!(!foreign.contains(".partial"), "{foreign}");
    assert_eq!(own, "");
    assert_eq!(place.run(&["token", "acme"], "restored"), "");
}

#[test]
fn damage_has_one_exit_code_whichever_file_it_is_in() {
    let place = Place::new();
    assert_eq!(place.back_up("backup", &[]), "");
    let (from, to) = (place.path("backup"), place.path("restored"));
    for name in ["secrets.json", "manifest.json"] {
        fs::write(from.join(name), "{").unwrap();
        let args = ["restore", from.to_str().unwrap(), "--data"];
        let output = process::run(&[&args[..], &[to.to_str().unwrap()]].concat());
        let said = String::from_utf8_lossy(&output.stderr);

        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(
            said.contains("is damaged; use another backup"),
            "{name}: {said}"
        );
    }
}

#[test]
fn what_is_wrong_with_the_command_line_names_into() {
    let place = Place::new();
    let ignored = place.back_up("backup", &["--newest", "2"]);
    let nowhere = place.run(&["backup"], "data");

    assert!(!place.path("backup").exists());
    for said in [ignored, nowhere] {
        assert!(said.contains("--into DIR"), "{said}");
    }
}

#[test]
fn backups_of_one_second_have_names_of_their_own_and_interrupted_ones_go() {
    let place = Place::new();
    let (into, left) = (
        place.path("all"),
        place.path("all/20260101T000000Z.partial"),
    );
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("partial.lock"), "").unwrap();
    for _ in 0..3 {
        let made = place.run(&["backup", "--into", into.to_str().unwrap()], "data");
        assert_eq!(made, "");
    }
    assert_eq!(fs::read_dir(&into).unwrap().count(), 3);
}

/// It is renamed first, so that the next backup knows whose it is.
#[test]
fn an_older_backup_whose_removal_was_interrupted_is_no_backup_and_goes_with_the_next() {
    let place = Place::new();
    let into = place.path("all");
    let back_up = || {
        let flags = ["backup", "--into", into.to_str().unwrap(), "--newest", "1"];
        assert_eq!(place.run(&flags, "data"), "");
    };
    back_up();
    let names = || {
        let entries = fs::read_dir(&into).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| entry.file_name().into_string().unwrap())
    };
    let leaving = format!("all/{}.partial", names().next().unwrap());
    fs::rename(into.join(names().next().unwrap()), place.path(&leaving)).unwrap();
    fs::remove_file(place.path(&leaving).join("manifest.json")).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    let folder = fs::File::open(place.path(&leaving)).unwrap();
    folder.set_modified(long_ago).unwrap();

    let said = place.restore(&leaving, "restored", &[]);
    back_up();

    assert!(
        said.contains("is no whole backup: it has no manifest.json"),
        "{said}"
    );
    assert!(!place.path("restored").exists());
    let names: Vec<String> = names().collect();
    assert!(
        names.len() == 1 && !names[0].ends_with(".partial"),
        "{names:?}"
    );
}
