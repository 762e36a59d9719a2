//! Runs that take long, and the requests that are held for them.

use std::time::Duration;

use fluxgate_tests::process;
use fluxgate_tests::tenant::MODEL;
use tokio::process::Command;

use super::command_line::CommandLine;
use super::{Scene, said};

const PYTHON: &str = r#"
import sys
from wavespeed import Client
token, base_url, model, image = sys.argv[1:]
client = Client(api_key=token, base_url=base_url)
run = client.run(model, {"prompt": "x", "image": image}, enable_sync_mode=True, timeout=85)
print(len(run["outputs"]))
"#;

const JAVASCRIPT: &str = r#"
const { Client } = require("wavespeed");
const [token, baseUrl, model, image] = process.argv.slice(1);
new Client(token, { baseUrl })
  .run(model, { prompt: "x", image }, { enableSyncMode: true, timeout: 85 })
  .then((run) => console.log(run.outputs.length));
"#;

#[tokio::test]
async fn a_run_of_40_s_is_one_request_of_each_client() {
    let scene = Scene::start(Duration::from_secs(40)).await;
    let cli = CommandLine::configured(&scene).await;
    let image = scene.tenant.upload().await;
    let arguments = [
        &scene.tenant.token,
        &scene.gateway.server.base_url(),
        MODEL,
        &image,
    ];
    let mut python = Command::new(process::python());
    python.args(["-c", PYTHON]).args(arguments);
    let mut javascript = Command::new("node");
    javascript
        .args(["-e", JAVASCRIPT])
        .args(arguments)
        .env("NODE_PATH", process::node_modules());
    let given = format!("image={image}");
    let sync = ["run", MODEL, "-p", "x", "-i", &given, "--sync", "--json"];

    let (by_python, by_javascript, by_command_line) =
        tokio::join!(said(&mut python), said(&mut javascript), cli.says(&sync));

    assert_eq!((by_python.trim(), by_javascript.trim()), ("1", "1"));
    // It gives up after 10 s, says so, and sends the same again.
    let (_, outcome) = by_command_line.split_once("\n{\n").unwrap();
    assert!(outcome.contains("/0.jpg?"), "{by_command_line}");
    // One run for each, however often its request was sent.
    assert_eq!(scene.gateway.emulator.runs().len(), 3);
}
