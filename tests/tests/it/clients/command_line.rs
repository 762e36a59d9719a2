//! The provider's command line: `@wavespeed/cli`.

use std::time::Duration;

use fluxgate_tests::process;
use fluxgate_tests::tenant::MODEL;
use serde_json::Value;
use tokio::process::Command;

use super::{Scene, said};

/// The command line of one person, whose home has nothing but the base URL.
pub(super) struct CommandLine<'a>(&'a Scene);

impl<'a> CommandLine<'a> {
    pub(super) async fn configured(scene: &'a Scene) -> Self {
        let base_url = scene.gateway.server.base_url();
        let this = Self(scene);
        this.says(&["config", "--base-url", &base_url]).await;
        this
    }

    pub(super) async fn says(&self, arguments: &[&str]) -> String {
        let home = self.0.folder.path();
        let cli = format!("{}/@wavespeed/cli/dist/cli.js", process::node_modules());
        let mut command = Command::new("node");
        command
            .arg(cli)
            .args(arguments)
            .current_dir(home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", home)
            .env("WAVESPEED_API_KEY", &self.0.tenant.token);
        said(&mut command).await
    }

    pub(super) async fn tells(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let said = self.says(&arguments).await;
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

#[tokio::test]
async fn the_command_line_runs_a_model_and_reads_its_history_unchanged() {
    let scene = Scene::start(Duration::from_millis(50)).await;
    let cli = CommandLine::configured(&scene).await;

    let image = cli.tells(&["upload", "photo.jpg"]).await["url"].clone();
    let image = format!("image={}", image.as_str().unwrap());
    let run = ["run", MODEL, "-p", "a sketch", "-i", &image];
    let ran = cli
        .tells(&[&run[..], &["--download", "out.jpg"]].concat())
        .await;
    let held = cli.tells(&[&run[..], &["--sync"]].concat()).await;

    assert_eq!(ran["outputs"].as_array().unwrap().len(), 1);
    assert_eq!(held["outputs"].as_array().unwrap().len(), 1);
    let saved = std::fs::read(scene.path("out.jpg")).unwrap();
    assert_eq!(saved[..2], [0xff, 0xd8]);
    let history = cli.tells(&["history", "--status", "completed"]).await;
    let ids: Vec<&str> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    let shown = cli.tells(&["show", ids[0]]).await;
    assert_eq!(
        (&shown["id"], &shown["outputs"]),
        (&history["items"][0]["id"], &held["outputs"])
    );
}

#[tokio::test]
async fn the_command_line_deletes_what_it_no_longer_wants_unchanged() {
    let scene = Scene::start(Duration::from_millis(50)).await;
    let cli = CommandLine::configured(&scene).await;
    let inputs = scene.tenant.inputs().await;
    let task = scene.tenant.submit(&inputs).await;
    scene.tenant.ended(&task).await;

    let deleted = cli.tells(&["delete", &task, "--yes"]).await;

    assert_eq!(deleted["deleted"], serde_json::json!([task]));
    let history = cli.tells(&["history"]).await;
    assert_eq!(history["items"], serde_json::json!([]));
}

#[tokio::test]
async fn the_command_line_knows_models_prices_and_the_balance_unchanged() {
    let scene = Scene::start(Duration::from_millis(50)).await;
    let cli = CommandLine::configured(&scene).await;

    let models = cli.tells(&["models", "--no-cache"]).await;
    let price = cli.tells(&["price", MODEL, "-p", "a sketch"]).await;
    let balance = cli.tells(&["balance"]).await;

    let ids = models
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["model_id"]);
    assert!(ids.clone().any(|id| id == MODEL), "{models}");
    assert_eq!(price["unit_price"], 0.08);
    assert_eq!(balance["balance"], 5.0);
    let schema = cli.says(&["schema", MODEL]).await;
    assert!(schema.contains("guidance_scale"), "{schema}");
    let listed = cli.says(&["models", "--no-cache"]).await;
    for kind in ["text-to-image", "image-to-video", "text-to-audio"] {
        assert!(listed.contains(kind), "{kind}: {listed}");
    }
}
