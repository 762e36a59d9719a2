//! The provider's own Python SDK, unchanged, against `fluxgate serve`.

use std::process::Command;

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{FluxgateProcess, process};

const SCRIPT: &str = r#"
import sys, requests
from wavespeed import Client
token, base_url, photo = sys.argv[1:4]
client = Client(api_key=token, base_url=base_url)
url = client.upload(photo)
out = client.run("wavespeed-ai/flux-kontext-max", {"prompt": "pencil sketch", "image": url, "seed": 5}, poll_interval=0.2, timeout=60)
picture = requests.get(out["outputs"][0], timeout=30)
assert picture.status_code == 200 and picture.content[:2] == b"\xff\xd8" or picture.content[:4] == b"\x89PNG", picture.status_code
sync = client.run("wavespeed-ai/flux-kontext-max", {"prompt": "sepia", "image": url}, enable_sync_mode=True, timeout=60)
assert sync["outputs"], sync
print("ok", len(picture.content))
"#;

#[tokio::test]
async fn run_and_upload_of_the_provider_s_python_sdk_work_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let photo = folder.path().join("photo.jpg");
    std::fs::write(&photo, fluxgate_emulator::DEMO_PHOTO).unwrap();
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let args = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
        "--provider",
        "emulator",
    ];
    let _process = FluxgateProcess::serve(&args, &[], &base_url).await;
    assert!(
        process::run(&["tenants", "add", "acme", "--data", &data])
            .status
            .success()
    );
    let token =
        String::from_utf8(process::run(&["token", "acme", "--data", &data]).stdout).unwrap();

    let python =
        std::env::var("TEST_PYTHON").expect("tests/run installs the SDK and names its Python");
    let output = Command::new(python)
        .args([
            "-c",
            SCRIPT,
            token.trim(),
            &base_url,
            photo.to_str().unwrap(),
        ])
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("ok "));
}
