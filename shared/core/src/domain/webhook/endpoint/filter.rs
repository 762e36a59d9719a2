//! Of which tasks an endpoint is told.

use serde::{Deserialize, Serialize};

use crate::base::id::ModelId;
use crate::base::labels::Labels;

/// An empty part lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelId>,
    /// The task's metadata must include these.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub metadata: Labels,
}

impl EventFilter {
    pub const MODELS_MAX: usize = 50;

    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.metadata.is_empty()
    }

    /// Whether events of a task with this model and metadata pass.
    pub fn passes(&self, model: &ModelId, metadata: &Labels) -> bool {
        (self.models.is_empty() || self.models.contains(model)) && metadata.include(&self.metadata)
    }
}
