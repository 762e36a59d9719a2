//! Money as the provider writes it: a JSON number of dollars, converted from micro-USD.

use serde_json::{Value, json};

pub(crate) fn usd(micro_usd: i64) -> Value {
    json!(micro_usd as f64 / 1e6)
}
