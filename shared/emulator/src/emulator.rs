//! A running emulator, as tests and local mode hold it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::EmulatorConfig;
use crate::faults::Faults;
use crate::routes::router;
use crate::run::RunRecord;
use crate::serve::serve;
use crate::vendor::Vendor;

/// Stops when dropped; `stop` also waits for the answers under way.
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
        let vendor = Arc::new(Vendor::new(config, base_url.trim_end_matches('/').to_owned(), stop.clone()));
        let serving = tokio::spawn(serve(listener, router(vendor.clone()), stop.clone()));
        Ok(Self { vendor, addr, serving, stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Without a slash at its end.
    pub fn base_url(&self) -> String {
        self.vendor.base_url.clone()
    }

    pub fn api_key(&self) -> &str {
        &self.vendor.config.api_key
    }

    pub fn webhook_secret(&self) -> &str {
        &self.vendor.config.webhook_secret
    }

    pub fn set_faults(&self, faults: Faults) {
        self.vendor.faults.replace(faults);
    }

    /// What is left of the faults: counted ones have been consumed.
    pub fn faults(&self) -> Faults {
        self.vendor.faults.get()
    }

    /// Newest first, deleted ones included.
    pub fn runs(&self) -> Vec<RunRecord> {
        self.vendor.runs.newest_first().map(|run| RunRecord::from(&*run)).collect()
    }

    /// The most runs that were under way at once.
    pub fn runs_at_once(&self) -> usize {
        self.vendor.under_way.most()
    }

    /// How many requests with a valid key a route has seen: `submit`, `result`, `output`, ….
    pub fn request_count(&self, what: &str) -> u64 {
        self.vendor.counted(what)
    }

    /// Runs under way are abandoned; answers under way have two seconds.
    pub async fn stop(self) {
        drop(self.stop);
        // A panic in the server has been reported where it happened.
        let _ = self.serving.await;
    }
}
