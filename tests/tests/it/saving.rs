//! Outputs as files: what could not be saved is not paid for, and what was paid for can be had
//! again.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::routing::{get, post};
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, process};
use serde_json::{Value, json};

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
    assert_eq!(output.status.code(), Some(1), "{}", said(output));
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
        ("missing/after.jpg", "does not exist; make it first"),
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

    refused(&full, "no picture can be written into");
    assert!(
        process::run(&["tasks", "acme", "--data", &desk.served.data])
            .stdout
            .is_empty()
    );
}

#[tokio::test]
async fn what_an_edit_made_can_be_fetched_again() {
    let desk = Desk::new().await;
    let (first, again, once_more) = (
        desk.path("first.jpg"),
        desk.path("again.jpg"),
        desk.path("more.jpg"),
    );
    let edited = desk.edit(&["--out", &first]);
    let task = named(&said(&edited));

    let fetched = desk.run(&["download", &task, "--out", &again]);
    let url = [
        "download",
        &task,
        "--url",
        &desk.served.base_url,
        "--out",
        &once_more,
    ];
    let by_token = process::run_with(&url, &[("FLUXGATE_TOKEN", &desk.token())]);

    assert_eq!(paths(&edited), [PathBuf::from(&first)]);
    assert_eq!(
        (paths(&fetched), paths(&by_token)),
        (vec![again.clone().into()], vec![once_more.clone().into()])
    );
    let picture = std::fs::read(&first).unwrap();
    assert!(image::load_from_memory(&picture).is_ok());
    assert_eq!(
        (
            std::fs::read(&again).unwrap(),
            std::fs::read(&once_more).unwrap()
        ),
        (picture.clone(), picture.clone())
    );
    std::fs::write(&again, "changed").unwrap();
    refused(
        &desk.run(&["download", &task, "--out", &again]),
        "overwrite it with --force",
    );
    assert_eq!(std::fs::read(&again).unwrap(), b"changed");
    paths(&desk.run(&["download", &task, "--out", &again, "--force"]));
    assert_eq!(std::fs::read(&again).unwrap(), picture);
    refused(&desk.run(&["download", &"0".repeat(32)]), "HTTP 404");
    assert_eq!(
        std::fs::read_dir(desk.folder.path()).unwrap().count(),
        4,
        "nothing else was left behind"
    );
}

#[tokio::test]
async fn a_link_stays_a_link_and_a_device_a_device() {
    let desk = Desk::new().await;
    let edited = desk.edit(&["--out", &desk.path("first.jpg")]);
    let task = named(&said(&edited));
    let (target, link) = (desk.path("target.jpg"), desk.path("link.jpg"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();

    refused(&desk.run(&["download", &task, "--out", &link]), "--force");
    paths(&desk.run(&["download", &task, "--out", &link, "--force"]));
    paths(&desk.run(&["download", &task, "--out", "/dev/null"]));

    assert!(Path::new(&link).symlink_metadata().unwrap().is_symlink());
    assert_eq!(
        std::fs::read(&target).unwrap(),
        std::fs::read(desk.path("first.jpg")).unwrap()
    );
    assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
}

#[tokio::test]
async fn all_outputs_of_a_task_are_fetched() {
    let desk = Desk::new().await;
    let tenant = TestTenant::new("acme".parse().unwrap(), &desk.served.base_url, desk.token());
    let answer = tenant
        .post(
            "/api/v3/wavespeed-ai/flux-dev",
            &json!({ "prompt": "dunes", "num_images": 2 }),
        )
        .await;
    let task = answer.text("/data/id");

    let fetched = desk.run(&[
        "download",
        &task,
        "--out",
        &desk.path("dunes.png"),
        "--wait",
        "60",
    ]);

    assert_eq!(
        paths(&fetched),
        [
            PathBuf::from(desk.path("dunes-0.png")),
            PathBuf::from(desk.path("dunes-1.png"))
        ]
    );
    for path in paths(&fetched) {
        assert!(image::load_from_memory(&std::fs::read(path).unwrap()).is_ok());
    }
}

/// An edit as a child, once it has named its task.
fn edit_under_way(
    args: &[&str],
    token: &str,
) -> (Child, BufReader<std::process::ChildStderr>, String) {
    let mut child = process::command(args)
        .env("FLUXGATE_TOKEN", token)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    (child, stderr, named(&line))
}

fn rest(mut stderr: BufReader<std::process::ChildStderr>) -> String {
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_stopped_says_how_to_go_on() {
    let run_time = Duration::from_secs(600);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let folder = tempfile::tempdir().unwrap();
    let (photo, out) = (photo(folder.path()), folder.path().join("after.jpg"));
    let url = gateway.url("");
    let args = [
        "edit",
        text(&photo),
        "a woodcut",
        "--url",
        &url,
        "--out",
        text(&out),
    ];

    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let (mut child, stderr, task) = edit_under_way(&args, &tenant.token);
        assert!(
            Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let ended = child.wait().unwrap();

        let said = rest(stderr);
        assert_eq!(ended.code(), Some(code), "{said}");
        assert!(
            said.contains(&format!(
                "'FLUXGATE_TOKEN=… fluxgate download {task} --url {url}'"
            )),
            "{said}"
        );
        assert!(!said.contains(&tenant.token));
    }
    let waited = process::run_with(
        &[&args[..], &["--wait", "0"]].concat(),
        &[("FLUXGATE_TOKEN", &tenant.token)],
    );
    refused(&waited, "fetches the outputs");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// A gateway that answers with this prediction when the file is there, and until then says that it
/// is at work.
async fn double(prediction: Value, when: PathBuf) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut prediction = prediction;
    prediction["outputs"] = json!([format!("{url}/picture.png")]);
    let data = |data: Value| Json(json!({ "code": 200, "message": "success", "data": data }));
    let created = json!({ "id": prediction["id"], "status": "created", "outputs": [] });
    let submitted = created.clone();
    let router = Router::new()
        .route(
            "/api/v3/media/upload/binary",
            post(move || async move { data(json!({ "download_url": "https://x/y" })) }),
        )
        .route(
            "/api/v3/{owner}/{model}",
            post(move || async move { data(submitted) }),
        )
        .route(
            "/api/v3/predictions/{id}/result",
            get(move || async move { data(if when.exists() { prediction } else { created }) }),
        )
        .route("/picture.png", get(|| async { "picture" }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn prediction(sha256: &str) -> Value {
    json!({
        "id": "a".repeat(32), "status": "completed", "objects": [{ "s3_uri": "s3://b/0.png", "sha256": sha256 }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_does_not_have_its_sha256_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("after.png");
    let url = double(prediction(&"0".repeat(64)), folder.path().to_owned()).await;

    let args = [
        "download",
        &"a".repeat(32),
        "--url",
        &url,
        "--token",
        "t",
        "--out",
        text(&out),
    ];
    refused(
        &process::run(&args),
        "does not have the SHA-256 that was told; nothing was saved",
    );

    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_output_cannot_be_saved_in_the_end_says_how_to_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let (photo, out) = (photo(folder.path()), folder.path().join("after.png"));
    let sha256 = fluxgate_core::digest::sha256(b"picture")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let url = double(prediction(&sha256), out.clone()).await;
    let args = [
        "edit",
        text(&photo),
        "a woodcut",
        "--url",
        &url,
        "--out",
        text(&out),
    ];

    let (mut child, stderr, task) = edit_under_way(&args, "t");
    std::fs::write(&out, "somebody else's").unwrap();

    assert_eq!(child.wait().unwrap().code(), Some(1));
    let said = rest(stderr);
    assert!(
        said.contains("is there already")
            && said.contains(&format!(
                "'FLUXGATE_TOKEN=… fluxgate download {task} --url {url}'"
            )),
        "{said}"
    );
    assert_eq!(std::fs::read(&out).unwrap(), b"somebody else's");
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
    // What is in the environment is meant for commands that name nobody.
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
    refused(
        &neither,
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
    refused(&process::run(&args), "no server serves");
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
        said(&misnamed).contains("is .jpg and not .png"),
        "{}",
        said(&misnamed)
    );
    assert!(
        !said(&well_named).contains("and not"),
        "{}",
        said(&well_named)
    );
    assert_eq!(
        (paths(&misnamed), paths(&well_named)),
        (vec![png.into()], vec![jpg.clone().into()])
    );
    assert_eq!(piped.stdout, std::fs::read(jpg).unwrap());
}
