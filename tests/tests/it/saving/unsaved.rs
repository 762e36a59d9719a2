//! Edits whose output is not saved: what the command says, and how to fetch it later.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::routing::{get, post};
use axum::{Json, Router};
use fluxgate_tests::{Gateway, GatewayOptions, process};
use serde_json::{Value, json};

use super::{fails, named, photo, refused, text};

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

    let later = [&args[..], &["--wait", "0", "--json"]].concat();
    let later = process::run_with(&later, &[("FLUXGATE_TOKEN", &tenant.token)]);
    let error: Value = serde_json::from_slice(&later.stderr).unwrap();
    assert_eq!(error["error"]["exit_code"], 5, "{error}");
    let task = error["error"]["task_id"].as_str().unwrap();
    assert_eq!(tenant.steps(task).await[0], "admitted");

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
    fails(&waited, 5, "fetches the outputs");
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
        "does not match the SHA-256 in the prediction; nothing was saved",
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
        said.contains("exists already")
            && said.contains(&format!(
                "'FLUXGATE_TOKEN=… fluxgate download {task} --url {url}'"
            )),
        "{said}"
    );
    assert_eq!(std::fs::read(&out).unwrap(), b"somebody else's");
}
