//! Micro-dollars as the provider writes them: a JSON number of dollars.

use serde_json::{Value, json};

pub(crate) fn usd(micro_usd: i64) -> Value {
    json!(micro_usd as f64 / 1e6)
}
