//! What a test may know of an accepted run.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Run, RunStatus};

/// An accepted run: it is paid for if it completes, whatever its submitter was told.
#[derive(Debug, Clone, Serialize)]
pub struct RunRecord {
    pub id: String,
    pub model: String,
    pub inputs: Map<String, Value>,
    pub webhook: Option<String>,
    pub created_at: Timestamp,
    pub status: RunStatus,
    pub price_micro_usd: i64,
    pub outputs: Vec<String>,
}

impl RunRecord {
    pub(super) fn of(run: &Run) -> Self {
        let product = run.end().and_then(|end| end.result.as_ref().ok());
        Self {
            id: run.id.clone(),
            model: run.model.id.clone(),
            inputs: run.inputs.clone(),
            webhook: run.webhook.clone(),
            created_at: run.created_at,
            status: run.status(),
            price_micro_usd: run.price_micro_usd,
            outputs: product.map(|product| product.outputs.clone()).unwrap_or_default(),
        }
    }
}
