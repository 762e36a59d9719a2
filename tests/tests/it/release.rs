//! `infra/release`, in a repository of the test's own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const MANIFEST: &str = "[workspace]\nmembers = [\"one\"]\nresolver = \"3\"\n\n[workspace.package]\nversion = \"0.1.0\"\n";
const MEMBER: &str = "[package]\nname = \"one\"\nversion.workspace = true\nedition = \"2024\"\n";
const CHANGELOG: &str =
    "# Changelog\n\n## Unreleased\n\n- A thing.\n\n## 0.1.0, 2026-01-01\n\n- Another.\n";

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    let names = [
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    ];
    command
        .args(arguments)
        .current_dir(folder)
        .envs(names.map(|name| (name, "test")))
        .output()
        .unwrap()
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, "git", arguments);
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A workspace of one crate at 0.1.0, with this CHANGELOG, all of it committed.
fn repository(changelog: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Cargo.toml", MANIFEST);
    write("one/Cargo.toml", MEMBER);
    write("one/src/lib.rs", "");
    write("CHANGELOG.md", changelog);
    fs::create_dir(folder.path().join("infra")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("infra/release");
    fs::copy(script, folder.path().join("infra/release")).unwrap();
    assert!(
        run(
            folder.path(),
            env!("CARGO"),
            &["generate-lockfile", "--offline"]
        )
        .status
        .success()
    );
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "--all"]);
    git(folder.path(), &["commit", "--quiet", "--message", "first"]);
    folder
}

fn release(folder: &Path, version: &str) -> Output {
    run(folder, "infra/release", &[version])
}

#[test]
fn a_release_bumps_the_version_closes_the_section_commits_and_tags() {
    let repository = repository(CHANGELOG);
    let folder = repository.path();

    let output = release(folder, "0.2.0");

    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert!(read("Cargo.toml").contains("version = \"0.2.0\""));
    assert!(read("Cargo.lock").contains("name = \"one\"\nversion = \"0.2.0\""));
    let changelog = read("CHANGELOG.md");
    let (before, after) = changelog.split_once("## 0.2.0, 20").unwrap();
    assert!(
        before.ends_with("## Unreleased\n\n")
            && after.contains("- A thing.")
            && after.contains("## 0.1.0")
    );
    assert_eq!(git(folder, &["status", "--porcelain"]), "");
    assert_eq!(git(folder, &["describe", "--exact-match"]).trim(), "v0.2.0");
    assert_eq!(
        git(folder, &["log", "-1", "--format=%s"]).trim(),
        "Release 0.2.0"
    );
}

#[test]
fn a_release_that_cannot_be_is_refused_and_changes_nothing() {
    let empty = CHANGELOG.replace("- A thing.\n\n", "");
    let dirty = |folder: &Path| fs::write(folder.join("left-over"), "").unwrap();
    let tagged = |folder: &Path| drop(git(folder, &["tag", "v0.2.0"]));
    let nothing = |_: &Path| {};
    let prepared = |changelog: &str, prepare: &dyn Fn(&Path)| {
        let repository = repository(changelog);
        prepare(repository.path());
        repository
    };
    let cases = [
        (
            prepared(CHANGELOG, &nothing),
            "0.1.0",
            "not newer than 0.1.0",
        ),
        (
            prepared(CHANGELOG, &nothing),
            "0.0.9",
            "not newer than 0.1.0",
        ),
        (prepared(CHANGELOG, &nothing), "1.0", "no version"),
        (prepared(CHANGELOG, &dirty), "0.2.0", "the tree is dirty"),
        (prepared(CHANGELOG, &tagged), "0.2.0", "v0.2.0 exists"),
        (prepared(&empty, &nothing), "0.2.0", "is empty"),
    ];
    for (repository, version, said) in cases {
        let folder = repository.path();
        let before = (git(folder, &["rev-parse", "HEAD"]), git(folder, &["tag"]));

        let output = release(folder, version);

        assert_eq!(output.status.code(), Some(1), "{said}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains(said), "{stderr}");
        assert_eq!(
            (git(folder, &["rev-parse", "HEAD"]), git(folder, &["tag"])),
            before
        );
        assert_eq!(git(folder, &["diff", "--name-only"]), "");
    }
}
