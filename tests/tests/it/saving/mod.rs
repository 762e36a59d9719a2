//! Outputs as files: an edit whose output cannot be saved is not started, and a paid output can be
//! downloaded again.

mod downloads;
mod unsaved;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fluxgate_tests::process;

use crate::command::{Served, said, served};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A served folder with a tenant, a picture, and a folder for what comes of it.
struct Desk {
    served: Served,
    folder: tempfile::TempDir,
    photo: PathBuf,
}

impl Desk {
    async fn new() -> Self {
        let served = served().await;
        assert!(
            process::run(&["tenants", "add", "acme", "--data", &served.data])
                .status
                .success()
        );
        let folder = tempfile::tempdir().unwrap();
        let photo = photo(folder.path());
        Self {
            served,
            folder,
            photo,
        }
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }

    /// Without the server's address, which the folder knows.
    fn run(&self, args: &[&str]) -> Output {
        process::run(&[args, &["--tenant", "acme", "--data", &self.served.data]].concat())
    }

    fn edit(&self, more: &[&str]) -> Output {
        self.run(&[&["edit", text(&self.photo), "a woodcut"], more].concat())
    }

    fn token(&self) -> String {
        let token = process::run(&["token", "acme", "--data", &self.served.data]);
        String::from_utf8(token.stdout).unwrap().trim().to_owned()
    }
}

fn photo(folder: &Path) -> PathBuf {
    let photo = folder.join("photo.jpg");
    std::fs::write(&photo, fluxgate_emulator::DEMO_PHOTO).unwrap();
    photo
}

fn refused(output: &Output, wanted: &str) {
    fails(output, 1, wanted);
}

fn fails(output: &Output, code: i32, wanted: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    assert!(
        said(output).contains(wanted) && output.stdout.is_empty(),
        "{wanted}: {}",
        said(output)
    );
}

fn paths(output: &Output) -> Vec<PathBuf> {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(PathBuf::from)
        .collect()
}

/// The task that an edit named on stderr.
fn named(said: &str) -> String {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("task "))
        .unwrap_or_else(|| panic!("no task in: {said}"));
    assert_eq!(line.len(), 32, "{line}");
    line.to_owned()
}

#[tokio::test]
async fn an_edit_whose_output_could_not_be_saved_is_not_paid_for() {
    let desk = Desk::new().await;
    std::fs::write(desk.path("there.jpg"), "mine").unwrap();
    std::fs::create_dir(desk.path("folder")).unwrap();

    for (out, wanted) in [
        ("missing/after.jpg", "does not exist; create it first"),
        ("folder", "is a folder; name a file in it"),
        ("new/", "is a folder; name a file in it"),
        ("there.jpg", "overwrite it with --force"),
        ("photo.jpg/after.jpg", "does not exist"),
    ] {
        refused(&desk.edit(&["--out", &desk.path(out)]), wanted);
    }
    let long = desk.path(&"n".repeat(300));
    refused(&desk.edit(&["--out", &long]), "cannot be written");
    refused(
        &desk.edit(&["--out", "/proc/after.jpg"]),
        "name a file elsewhere with --out",
    );

    assert_eq!(std::fs::read(desk.path("there.jpg")).unwrap(), b"mine");
    let spent = process::run(&["tenants", "list", "--data", &desk.served.data]);
    assert!(
        String::from_utf8(spent.stdout)
            .unwrap()
            .contains("available       $10.00")
    );
    assert!(
        process::run(&["tasks", "acme", "--data", &desk.served.data])
            .stdout
            .is_empty()
    );
}

/// The limit on a file's size stands in for a full disk.
#[tokio::test]
async fn an_edit_for_a_full_disk_is_not_paid_for() {
    let desk = Desk::new().await;
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} edit {} 'a woodcut' --url {} --out {}",
        process::binary().display(),
        desk.photo.display(),
        desk.served.base_url,
        desk.path("after.jpg"),
    );

    let full = Command::new("bash")
        .args(["-c", &script])
        .env("FLUXGATE_TOKEN", desk.token())
        .output()
        .unwrap();

    refused(&full, "cannot write a picture into");
    assert!(
        process::run(&["tasks", "acme", "--data", &desk.served.data])
            .stdout
            .is_empty()
    );
}

#[tokio::test]
async fn a_command_speaks_for_one_tenant_and_calls_the_server_of_its_folder() {
    let desk = Desk::new().await;
    assert!(
        process::run(&["tenants", "add", "other", "--data", &desk.served.data])
            .status
            .success()
    );
    let url = format!("{}/api/v3/", desk.served.base_url);

    let both = desk.edit(&["--token", &desk.token()]);
    let neither = process::run(&["edit", text(&desk.photo), "a woodcut", "--url", &url]);
    // The token of the environment is for commands that name no tenant.
    let args = [
        "edit",
        text(&desk.photo),
        "a woodcut",
        "--tenant",
        "other",
        "--data",
        &desk.served.data,
    ];
    let out = desk.path("named.jpg");
    let named = process::run_with(
        &[args.as_slice(), &["--out", &out]].concat(),
        &[("FLUXGATE_TOKEN", &desk.token())],
    );
    let base_url_of_clients = desk.edit(&["--url", &url, "--out", &desk.path("client.jpg")]);

    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
    assert!(
        said(&both).contains("cannot be used with"),
        "{}",
        said(&both)
    );
    fails(
        &neither,
        2,
        "name a --tenant, or give a --token or FLUXGATE_TOKEN",
    );
    assert_eq!(
        (paths(&named), paths(&base_url_of_clients)),
        (vec![out.into()], vec![desk.path("client.jpg").into()])
    );
    let tasks = |tenant: &str| {
        let listed = process::run(&["tasks", tenant, "--data", &desk.served.data]);
        String::from_utf8(listed.stdout).unwrap().lines().count()
    };
    assert_eq!((tasks("acme"), tasks("other")), (1, 1));
    let Desk {
        served,
        photo,
        folder: _folder,
    } = desk;
    assert_eq!(served.process.terminate(), Some(0));
    let args = [
        "edit",
        text(&photo),
        "a woodcut",
        "--tenant",
        "acme",
        "--data",
        &served.data,
    ];
    fails(&process::run(&args), 6, "no server is serving");
}

#[tokio::test]
async fn an_output_may_go_to_standard_output_and_a_name_that_it_belies_is_said() {
    let desk = Desk::new().await;
    let (png, jpg) = (desk.path("after.png"), desk.path("after.jpeg"));

    let misnamed = desk.edit(&["--out", &png]);
    let task = named(&said(&misnamed));
    let well_named = desk.run(&["download", &task, "--out", &jpg]);
    let piped = desk.run(&["download", &task, "--out", "-"]);

    assert!(
        said(&misnamed).contains("is .jpg, not .png"),
        "{}",
        said(&misnamed)
    );
    assert!(
        !said(&well_named).contains(", not ."),
        "{}",
        said(&well_named)
    );
    assert_eq!(
        (paths(&misnamed), paths(&well_named)),
        (vec![png.into()], vec![jpg.clone().into()])
    );
    assert_eq!(piped.stdout, std::fs::read(jpg).unwrap());
}
