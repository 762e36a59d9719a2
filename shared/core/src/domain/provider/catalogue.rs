//! The provider's catalogue: which models there are.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::model::Model;
use crate::base::error::{Error, Kind};
use crate::base::id::ModelId;
use crate::base::nearest::nearest;

/// The whole catalogue as of one read.
pub struct Catalogue {
    models: HashMap<ModelId, Arc<Model>>,
    raw: Vec<Value>,
}

/// Names that may be meant.
const NEAR_MAX: usize = 3;

impl Catalogue {
    /// Parses the bare array of `GET /api/v3/models`. Entries that cannot be parsed or run are
    /// skipped, so that one malformed model does not hide the others.
    pub fn from_entries(raw: Vec<Value>) -> Self {
        let models = raw
            .iter()
            .filter_map(Model::from_entry)
            .map(|model| (model.id.clone(), Arc::new(model)))
            .collect();
        Self { models, raw }
    }

    /// The same, read some time after `earlier`: a model that has not changed stays as it is, with
    /// its compiled schema, and is not reported again.
    pub fn following(mut self, earlier: &Self) -> Self {
        for (id, model) in &mut self.models {
            if let Some(known) = earlier.models.get(id)
                && known.declares_as(model)
            {
                *model = known.clone();
            }
        }
        self
    }

    /// Fails with kind `NotFound`.
    pub fn model(&self, id: &ModelId) -> Result<&Model, Error> {
        self.models.get(id).map(Arc::as_ref).ok_or_else(|| {
            let text = format!("there is no model '{id}'; GET /api/v3/models lists all models");
            Error::new(Kind::NotFound, "unknown_model", text)
        })
    }

    /// The models that can be run, in no particular order.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(Arc::as_ref)
    }

    /// The models with the most similar names, best match first, for suggestions.
    pub fn near(&self, id: &ModelId) -> Vec<&ModelId> {
        let names = self.models.keys().map(ModelId::as_str);
        nearest(id.as_str(), names)
            .into_iter()
            .take(NEAR_MAX)
            .filter_map(|name| self.models.keys().find(|id| id.as_str() == name))
            .collect()
    }

    /// The entries as the provider sent them.
    pub fn raw(&self) -> &[Value] {
        &self.raw
    }
}
