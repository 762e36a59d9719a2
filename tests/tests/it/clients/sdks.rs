//! The provider's SDKs: upload, run, webhook, and the held request.

use std::time::Duration;

use fluxgate_tests::process;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Scene, said, script};

/// What the script did, and the webhook that it asked for.
async fn check(scene: &Scene, command: &mut Command) {
    let big_file = scene.big_file();
    command
        .args([&scene.tenant.token, &scene.gateway.server.base_url()])
        .arg(scene.path("photo.jpg"))
        .arg(big_file)
        .arg(scene.receiver.url("/told"));

    let told: Value = serde_json::from_str(&said(command).await).unwrap();

    let jpeg = "ffd8";
    assert_eq!(
        told,
        json!({ "outputs": [jpeg, jpeg, jpeg], "is_whole": true })
    );
    let received = scene.receiver.at("told", 1).await;
    assert_eq!(received[0].json()["status"], "completed");
}

#[tokio::test]
async fn the_python_sdk_uploads_runs_waits_and_is_called_back_unchanged() {
    let scene = Scene::start(Duration::from_millis(50)).await;

    check(
        &scene,
        Command::new(process::python()).arg(script("sdk.py")),
    )
    .await;
}

#[tokio::test]
async fn the_javascript_sdk_uploads_runs_waits_and_is_called_back_unchanged() {
    let scene = Scene::start(Duration::from_millis(50)).await;

    let mut command = Command::new("node");
    command
        .arg(script("sdk.mjs"))
        .env("NODE_PATH", process::node_modules());
    check(&scene, &mut command).await;
}
