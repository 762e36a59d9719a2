//! A running emulator, as tests and local mode use it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fluxgate_listen::Listening;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::EmulatorConfig;
use crate::faults::Faults;
use crate::provider::Provider;
use crate::routes::router;
use crate::run::RunRecord;
use crate::serve::answer;
use crate::traces::TracedRequest;

/// How long connections may take to finish their responses on shutdown.
const STOP_WAIT_MAX: Duration = Duration::from_secs(2);

/// Stops when dropped; `stop` also waits for responses in progress.
pub struct Emulator {
    provider: Arc<Provider>,
    serving: Listening,
    stop: DropGuard,
}

impl Emulator {
    /// Fails if it cannot listen on the address, or has no place for uploads.
    pub async fn start(config: EmulatorConfig) -> io::Result<Self> {
        let listener = fluxgate_listen::bind(config.listen)?;
        let addr = listener.local_addr()?;
        let base_url = config
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{addr}"));
        let stop = CancellationToken::new();
        let bounds = config.connections.clone();
        let provider = Arc::new(Provider::new(
            config,
            base_url.trim_end_matches('/').to_owned(),
            stop.clone(),
        )?);
        let router = router(provider.clone());
        let serving = Listening::start(listener, bounds, move |request| {
            answer(router.clone(), request)
        })?;
        Ok(Self {
            provider,
            serving,
            stop: stop.drop_guard(),
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.serving.addr()
    }

    /// Without a trailing slash.
    pub fn base_url(&self) -> String {
        self.provider.base_url.clone()
    }

    pub fn api_key(&self) -> &str {
        &self.provider.config.api_key
    }

    pub fn webhook_secret(&self) -> &str {
        &self.provider.config.webhook_secret
    }

    pub fn set_faults(&self, faults: Faults) {
        self.provider.faults.replace(faults);
    }

    /// The remaining faults: counted ones have been used up.
    pub fn faults(&self) -> Faults {
        self.provider.faults.get()
    }

    /// Newest first, including deleted ones.
    pub fn runs(&self) -> Vec<RunRecord> {
        self.provider
            .runs
            .newest_first()
            .map(|run| RunRecord::from(&*run))
            .collect()
    }

    /// The requests that came with a trace, oldest first; the newest thousand.
    pub fn traces(&self) -> Vec<TracedRequest> {
        self.provider.traces.all()
    }

    /// The highest number of concurrent runs so far.
    pub fn runs_at_once(&self) -> usize {
        self.provider.under_way.most()
    }

    /// How many uploads came to their end and are stored.
    pub fn upload_count(&self) -> usize {
        self.provider.uploads.count()
    }

    /// How many requests with a valid key a route has seen: `submit`, `result`, `output`, ….
    pub fn request_count(&self, what: &str) -> u64 {
        self.provider.counted(what)
    }

    /// Abandons running runs; responses in progress get two seconds.
    pub async fn stop(self) {
        drop(self.stop);
        // Connections that have not finished by then are closed.
        let _ = self.serving.stop(Instant::now() + STOP_WAIT_MAX).await;
    }
}
