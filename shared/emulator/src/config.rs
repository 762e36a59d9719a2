//! The configuration of an emulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fluxgate_listen::ConnectionBounds;

use crate::faults::Faults;
use crate::pictures::PictureFetcher;

/// The defaults suit tests: any free loopback port, generated secrets, a quick run, no faults.
#[derive(Debug, Clone)]
pub struct EmulatorConfig {
    pub listen: SocketAddr,
    pub connections: ConnectionBounds,
    /// The URL by which others reach it, if not `http://{listen}`.
    pub public_url: Option<String>,
    /// The key for the API and for the emulator's own routes.
    pub api_key: String,
    /// How to fetch remote pictures; `None`: only uploads and pictures inside the inputs work.
    pub pictures: Option<Arc<dyn PictureFetcher>>,
    /// `whsec_…`; the text after the prefix is the key, as ASCII bytes.
    pub webhook_secret: String,
    /// Minimum duration of a run.
    pub run_time: Duration,
    pub faults: Faults,
    pub balance_micro_usd: i64,
    /// Submits per second above which the answer is 429.
    pub rate_per_second_max: Option<u32>,
    /// The waits before the second, third, … attempt at a webhook.
    pub webhook_retry: Vec<Duration>,
    /// A run of an emulator before this one is answered as failed, for nothing of it is left.
    /// Otherwise it is not found.
    pub forgotten_runs_fail: bool,
}

impl Default for EmulatorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            connections: ConnectionBounds::default(),
            public_url: None,
            api_key: format!("wsk_{}", random()),
            pictures: None,
            webhook_secret: format!("whsec_{}", random()),
            run_time: Duration::from_millis(300),
            faults: Faults::default(),
            balance_micro_usd: 1_000_000_000_000,
            rate_per_second_max: None,
            webhook_retry: [1, 2, 4].map(Duration::from_secs).to_vec(),
            forgotten_runs_fail: false,
        }
    }
}

/// A secret unique to this emulator.
fn random() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the kernel provides random bits");
    hex::encode(bytes)
}
