//! A run as tests and the control routes see it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Run;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRecord {
    pub id: String,
    pub model: String,
    /// As sent, without undeclared inputs; a long `data:` URI is shortened.
    pub inputs: Value,
    pub webhook: Option<String>,
    pub status: String,
    pub created_at_ms: i64,
}

impl From<&Run> for RunRecord {
    fn from(run: &Run) -> Self {
        let status = if run.is_deleted() {
            "deleted"
        } else {
            run.progress().status()
        };
        Self {
            id: run.id.clone(),
            model: run.model.id.clone(),
            inputs: Value::Object(run.inputs.clone()),
            webhook: run.webhook.clone(),
            status: status.to_owned(),
            created_at_ms: run.created_at.as_millisecond(),
        }
    }
}
