//! The provider's own clients, unchanged: with another base URL and a tenant's token for a key.

mod command_line;
mod held;
mod sdks;

use std::path::{Path, PathBuf};
use std::time::Duration;

use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant};
use tempfile::TempDir;
use tokio::process::Command;

const BIG_FILE_BYTES: usize = 60_000_000;

/// What every client gets: a gateway, a tenant, files, and a receiver of webhooks.
struct Scene {
    gateway: Gateway,
    tenant: TestTenant,
    receiver: LiveReceiver,
    folder: TempDir,
}

impl Scene {
    async fn start(run_time: Duration) -> Self {
        let gateway = Gateway::with(GatewayOptions {
            run_time,
            ..GatewayOptions::default()
        })
        .await;
        let tenant = gateway.tenant("acme", "5").await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("photo.jpg"),
            fluxgate_emulator::DEMO_PHOTO,
        )
        .unwrap();
        Self {
            tenant,
            receiver: LiveReceiver::start().await,
            folder,
            gateway,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of many megabytes that is no two bytes alike in a row.
    fn big_file(&self) -> PathBuf {
        let path = self.path("big.bin");
        let bytes: Vec<u8> = (0..BIG_FILE_BYTES)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// What a client says, which must succeed.
async fn said(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A script of `tests/clients`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(name)
}
