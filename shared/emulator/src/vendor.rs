//! Everything a running emulator holds, shared by its handlers and its runs.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::EmulatorConfig;
use crate::counters::Counters;
use crate::faults::FaultsHandle;
use crate::files::Files;
use crate::money::Purse;
use crate::rate::RateLimit;
use crate::run::RunStore;
use crate::tickets::Tickets;

const WEBHOOKS_AT_ONCE_MAX: usize = 256;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const REDIRECTS_MAX: usize = 5;

#[derive(Debug)]
pub(crate) struct Vendor {
    pub(crate) config: EmulatorConfig,
    /// Without a slash at its end.
    pub(crate) base_url: String,
    pub(crate) faults: FaultsHandle,
    pub(crate) runs: RunStore,
    pub(crate) files: Files,
    pub(crate) tickets: Tickets,
    pub(crate) purse: Purse,
    pub(crate) counters: Counters,
    pub(crate) rate: RateLimit,
    pub(crate) downloads: reqwest::Client,
    pub(crate) webhooks: reqwest::Client,
    /// One permit a core: pixels are worked on no faster than the machine can.
    pub(crate) drawing: Semaphore,
    pub(crate) sending: Semaphore,
    pub(crate) stop: CancellationToken,
}

impl Vendor {
    pub(crate) fn new(config: EmulatorConfig, base_url: String, stop: CancellationToken) -> io::Result<Arc<Self>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Arc::new(Self {
            faults: FaultsHandle::new(config.faults.clone()),
            runs: RunStore::default(),
            files: Files::new(config.data_dir.as_deref()),
            tickets: Tickets::default(),
            purse: Purse::new(config.balance_micro_usd),
            counters: Counters::default(),
            rate: RateLimit::default(),
            downloads: client(Policy::limited(REDIRECTS_MAX))?,
            webhooks: client(Policy::none())?,
            drawing: Semaphore::new(cores),
            sending: Semaphore::new(WEBHOOKS_AT_ONCE_MAX),
            stop,
            config,
            base_url,
        }))
    }
}

fn client(redirects: Policy) -> io::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().redirect(redirects).timeout(REQUEST_TIMEOUT).tcp_nodelay(true);
    builder.no_proxy().user_agent("fluxgate-emulator").build().map_err(io::Error::other)
}
