//! One folder with so many tasks.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::super::children::{Gateway, Provider};
use super::super::generator::Order;
use super::super::process::Process;
use super::super::{MODEL, inputs};
use super::Extent;
use super::fill::{fill, tenant};

const CONNECTIONS: usize = 8;
/// How often the memory of a running command is looked at.
const LOOK: Duration = Duration::from_millis(10);

pub(super) struct Size {
    folder: PathBuf,
    token: String,
}

/// What `accounts check` needed.
pub(super) struct CheckTook {
    pub(super) ms: f64,
    pub(super) peak_memory_mb: f64,
}

impl Size {
    pub(super) async fn fill(folder: &Path, tasks: u64) -> Result<Self> {
        Ok(Self {
            token: Box::pin(fill(folder, tasks)).await?,
            folder: folder.to_owned(),
        })
    }

    pub(super) async fn serve(&self, provider: &Provider) -> Result<Gateway> {
        Gateway::start_on(&self.folder, provider, vec![self.token.clone()], None).await
    }

    /// In a process of its own; fails unless account, ledger and tasks agree.
    pub(super) async fn check(&self) -> Result<CheckTook> {
        let folder = self.folder.to_string_lossy();
        let tenant = tenant()?;
        let started = Instant::now();
        let args = ["accounts", "check", tenant.as_str(), "--data", &folder];
        let mut child = Process::start(&args, &[])?;
        let mut peak_memory_mb: f64 = 0.0;
        let ended_well = loop {
            if let Some(ended_well) = child.ended_well()? {
                break ended_well;
            }
            // Between its end and the next look it has no memory.
            peak_memory_mb = peak_memory_mb.max(child.peak_memory_mb().unwrap_or(0.0));
            tokio::time::sleep(LOOK).await;
        };
        ensure!(ended_well, "'accounts check' found that books disagree");
        Ok(CheckTook {
            ms: started.elapsed().as_secs_f64() * 1e3,
            peak_memory_mb,
        })
    }
}

/// Submits for as long as a round takes.
pub(super) fn submits(gateway: &Gateway, extent: Extent) -> Order {
    Order {
        address: gateway.address,
        path: format!("/api/v3/{MODEL}"),
        headers: vec![
            (
                "authorization".to_owned(),
                format!("Bearer {}", gateway.token),
            ),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: inputs().to_string(),
        connections: CONNECTIONS,
        ms: extent.round.as_millis() as u64,
        requests: extent.requests,
        keys: None,
        callbacks: None,
    }
}
