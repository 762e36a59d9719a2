//! The operator's commands: tenants, prices and accounts.

mod accounts;
mod prices;
mod trust;

use fluxgate_tests::process;
use serde_json::{Value, json};

/// A data folder with one tenant.
struct Installation {
    data: String,
    folder: tempfile::TempDir,
}

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let installation = Self {
            data: folder.path().join("data").to_str().unwrap().to_owned(),
            folder,
        };
        installation.does(&["tenants", "add", "acme", "--balance", "2"]);
        installation
    }

    fn run(&self, args: &[&str]) -> std::process::Output {
        process::run(&[args, &["--data", &self.data]].concat())
    }

    fn does(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, args: &[&str], wanted: &str) {
        let output = self.run(args);
        // The command line is wrong, the data says no, or it does not exist.
        assert!(matches!(output.status.code(), Some(2..=4)), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(wanted), "{args:?}: {said}");
    }

    fn shown(&self) -> Value {
        serde_json::from_str(&self.does(&["tenants", "show", "acme"])).unwrap()
    }

    fn file(&self, name: &str, content: &Value) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[test]
fn a_tenant_is_changed_suspended_resumed_and_deleted() {
    let here = Installation::new();
    let trust = json!([{ "issuer": "https://id.example", "audience": "fluxgate", "keys": "oidc" }]);

    let changed = here.does(&[
        "tenants",
        "change",
        "acme",
        "--trust",
        &here.file("trust", &trust),
        "--prefix",
        "a/b",
    ]);
    here.does(&["tenants", "suspend", "acme"]);
    let suspended = here.shown();
    here.does(&["tenants", "resume", "acme"]);

    assert!(
        changed.contains("https://id.example") && changed.contains("s3://fluxgate-acme/a/b"),
        "{changed}"
    );
    assert_eq!(
        (&suspended["state"], &suspended["version"]),
        (&json!("suspended"), &json!(3))
    );
    assert_eq!(here.shown()["state"], "active");
    here.fails(
        &["tenants", "change", "acme", "--bucket", "No Bucket"],
        "a bucket name must have",
    );
    here.fails(
        &[
            "tenants",
            "change",
            "acme",
            "--trust",
            &here.file(
                "nobody",
                &json!([{ "issuer": "", "audience": "a", "keys": "oidc" }]),
            ),
        ],
        "a trust needs an issuer",
    );
    here.fails(
        &["tenants", "suspend", "nobody"],
        "there is no tenant 'nobody'",
    );
    here.fails(&["tenants", "delete", "acme"], "$2.00 left");
    here.does(&["tenants", "delete", "acme", "--forget-balance"]);
    here.fails(&["tenants", "show", "acme"], "there is no tenant 'acme'");
    here.fails(&["tenants", "add", "acme"], "choose another name");
}

#[test]
fn the_admin_token_is_printed_alone_and_is_the_same_each_time() {
    let here = Installation::new();

    let token = here.does(&["token", "--admin"]);

    assert!(
        token.starts_with("fga_") && token.trim().len() == 68,
        "{}",
        token.len()
    );
    assert_eq!(here.does(&["token", "--admin"]), token);
    assert_eq!(here.run(&["token"]).status.code(), Some(2));
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(format!("{}/admin-token", here.data))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn limits_are_set_one_by_one_and_taken_away() {
    let here = Installation::new();

    here.does(&[
        "tenants",
        "change",
        "acme",
        "--requests-per-second",
        "5",
        "--burst",
        "9",
        "--weight",
        "3",
    ]);
    here.does(&[
        "tenants",
        "change",
        "acme",
        "--burst",
        "none",
        "--tasks-in-flight",
        "7",
    ]);

    assert_eq!(
        here.shown()["limits"],
        json!({ "requests_per_second": 5, "tasks_in_flight": 7, "weight": 3 })
    );
    here.fails(
        &["tenants", "change", "acme", "--weight", "0"],
        "from 1 to 1000",
    );
    here.fails(&["tenants", "change", "acme"], "say what to change");
}
