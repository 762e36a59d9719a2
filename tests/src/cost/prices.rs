//! `infra/prices.json`: what AWS asks, and what a run on one machine must assume.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Prices {
    pub region: String,
    pub as_of: String,
    prices: BTreeMap<String, Price>,
    pub assumptions: Assumptions,
    pub goal_usd: Goal,
}

/// What a million tasks may cost.
#[derive(Debug, Deserialize)]
pub struct Goal {
    pub at_once: f64,
    pub at_once_own_buckets: f64,
    pub alone: f64,
}

/// The price of a million; of log lines, of a GB.
#[derive(Debug, Deserialize)]
struct Price {
    usd: f64,
}

#[derive(Debug, Deserialize)]
pub struct Assumptions {
    /// Of one invocation of each function, whatever its batch.
    pub billed_ms: BTreeMap<String, f64>,
    /// What CloudWatch adds to each line.
    pub log_event_bytes: usize,
}

impl Prices {
    /// The list in this repository.
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/prices.json");
        let text = std::fs::read_to_string(path).expect("the list of prices is in the repository");
        serde_json::from_str(&text).expect("the list of prices is JSON")
    }

    pub fn usd(&self, name: &str) -> f64 {
        self.prices
            .get(name)
            .unwrap_or_else(|| panic!("infra/prices.json has no price '{name}'"))
            .usd
    }
}
