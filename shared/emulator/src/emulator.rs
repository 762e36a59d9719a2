//! A running emulator, as tests, local mode and the benchmark hold it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::api::router;
use crate::config::EmulatorConfig;
use crate::counters::RequestCounts;
use crate::faults::{Faults, FaultsHandle};
use crate::run::RunRecord;
use crate::server::serve;
use crate::vendor::Vendor;

/// Stops when dropped; `stop` also waits for the answers under way.
#[derive(Debug)]
pub struct Emulator {
    vendor: Arc<Vendor>,
    addr: SocketAddr,
    serving: JoinHandle<()>,
    stop: DropGuard,
}

impl Emulator {
    /// Fails when the address cannot be listened on.
    pub async fn start(config: EmulatorConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let base_url = config.public_url.clone().unwrap_or_else(|| format!("http://{addr}"));
        let stop = CancellationToken::new();
        let vendor = Vendor::new(config, base_url.trim_end_matches('/').to_owned(), stop.clone())?;
        let serving = tokio::spawn(serve(listener, router(vendor.clone()), stop.clone()));
        Ok(Self { vendor, addr, serving, stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What clients are pointed at, without a slash at its end.
    pub fn base_url(&self) -> String {
        self.vendor.base_url.clone()
    }

    pub fn api_key(&self) -> &str {
        &self.vendor.config.api_key
    }

    pub fn webhook_secret(&self) -> &str {
        &self.vendor.config.webhook_secret
    }

    pub fn faults(&self) -> FaultsHandle {
        self.vendor.faults.clone()
    }

    pub fn set_faults(&self, faults: Faults) {
        self.vendor.faults.set(faults);
    }

    /// Every accepted run, newest first: also those whose answer was an error, and those deleted since.
    pub fn runs(&self) -> Vec<RunRecord> {
        self.vendor.runs.newest_first().iter().map(|run| run.record()).collect()
    }

    pub fn requests(&self) -> RequestCounts {
        self.vendor.counters.read()
    }

    /// Runs under way are abandoned; answers under way have two seconds.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the emulator's server ended badly");
        }
    }
}
