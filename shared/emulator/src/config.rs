//! What an emulator is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fluxgate_listen::ConnectionBounds;

use crate::faults::Faults;
use crate::pictures::PictureFetcher;

/// Defaults suit tests: any free loopback port, secrets of its own, a quick run, nothing broken.
#[derive(Debug, Clone)]
pub struct EmulatorConfig {
    pub listen: SocketAddr,
    pub connections: ConnectionBounds,
    /// How others reach it, when that is not `http://{listen}`.
    pub public_url: Option<String>,
    /// Opens the API and the emulator's own routes.
    pub api_key: String,
    /// The way to pictures that lie elsewhere; none: uploads and pictures inside the inputs are all
    /// there is.
    pub pictures: Option<Arc<dyn PictureFetcher>>,
    /// `whsec_…`; what follows the prefix is the key, as ASCII bytes.
    pub webhook_secret: String,
    /// How long a run takes at least.
    pub run_time: Duration,
    pub faults: Faults,
    pub balance_micro_usd: i64,
    /// Submits per second above which the answer is 429.
    pub rate_per_second_max: Option<u32>,
    /// The waits before the second, third, … attempt at a webhook.
    pub webhook_retry: Vec<Duration>,
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
        }
    }
}

/// A secret that nobody else's emulator has.
fn random() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the kernel gives random bits");
    hex::encode(bytes)
}
