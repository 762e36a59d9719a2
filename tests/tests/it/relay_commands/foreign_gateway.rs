//! `fluxgate listen` with a server that is no gateway, or means harm.

use fluxgate_tests::receiver::Reply;
use fluxgate_tests::{LiveReceiver, process};
use serde_json::json;

use crate::command::said;

/// Why the command ends when every request is answered so.
async fn why(status: u16, body: String) -> String {
    let gateway = LiveReceiver::start().await;
    gateway.answer_always(Reply {
        body,
        ..Reply::of(status)
    });
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let url = gateway.url("");
    let run = move || {
        let state = state.to_str().unwrap();
        let to = ["--forward", "3000", "--url", &url, "--token", "x"];
        process::run(&[&["listen", "--state", state], &to[..]].concat())
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(!output.status.success());
    said(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_answers_cannot_command_the_terminal() {
    let detail = json!({ "detail": "no\u{1b}[2J\u{9b}\u{202e}" }).to_string();
    let refused = why(403, detail).await;
    assert!(
        refused.contains("no\u{fffd}[2J\u{fffd}\u{fffd} (HTTP 403)"),
        "{refused:?}"
    );

    for (id, secret) in [
        ("e".repeat(32), "whsec_\u{1b}[2J".to_owned()),
        (
            "e".repeat(32),
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        ),
        (
            "../tenants".to_owned(),
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        ),
    ] {
        let created = json!({ "id": id, "secret": secret }).to_string();
        let why = why(201, created).await;
        assert!(why.contains("gave no endpoint"), "{id} {secret:?}: {why:?}");
        assert!(!why.contains('\u{1b}'), "{why:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_read_no_further_than_a_gateway_s_may_be_long() {
    let long = format!("{{{}}}", " ".repeat(17 * 1024 * 1024));

    let why = why(200, long).await;

    assert!(why.contains("answered more than 16 MiB"), "{why:?}");
}
