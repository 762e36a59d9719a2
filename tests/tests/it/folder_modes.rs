//! Only the owner can read a data folder, also one that existed before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use fluxgate_tests::process;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn open_to_all(path: &Path) {
    let mode = if path.is_dir() { 0o777 } else { 0o666 };
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn add_tenant(data: &Path, name: &str) {
    let added = process::run(&["tenants", "add", name, "--data", data.to_str().unwrap()]);
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
}

#[test]
fn a_data_folder_that_others_could_read_is_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    add_tenant(&data, "acme");
    let inside = ["fluxgate.db", "secrets.json", "admin-token", "s3"].map(|name| data.join(name));
    for path in inside.iter().chain([&data]) {
        open_to_all(path);
    }

    add_tenant(&data, "bolt");

    assert_eq!(mode(&data), 0o700);
    for path in inside {
        assert_eq!(
            mode(&path),
            if path.is_dir() { 0o700 } else { 0o600 },
            "{}",
            path.display()
        );
    }
}

/// `/tmp` as the data folder by mistake keeps its mode.
#[test]
fn a_folder_of_somebody_else_keeps_its_mode_and_what_is_put_into_it_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = folder.path().join("theirs.txt");
    fs::write(&theirs, "x").unwrap();
    for path in [folder.path(), &theirs] {
        open_to_all(path);
    }

    add_tenant(folder.path(), "acme");
    add_tenant(folder.path(), "bolt");

    assert_eq!((mode(folder.path()), mode(&theirs)), (0o777, 0o666));
    for (name, wanted) in [
        ("fluxgate.db", 0o600),
        ("secrets.json", 0o600),
        ("admin-token", 0o600),
        ("s3", 0o700),
    ] {
        assert_eq!(mode(&folder.path().join(name)), wanted, "{name}");
    }
}
