//! The models that the emulator knows, in the provider's catalogue format: one file per kind under
//! `models`, in a short form that `source` expands.

mod formula;
mod model;
mod source;

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) use model::{Model, Price};

static MODELS: LazyLock<(Vec<Value>, HashMap<String, Model>)> = LazyLock::new(|| {
    let listed = source::listed();
    let entries = listed.iter().map(|listed| listed.entry.clone()).collect();
    let models = listed
        .into_iter()
        .map(|listed| Model::new(&listed))
        .map(|model| (model.id.clone(), model))
        .collect();
    (entries, models)
});

/// The catalogue as a bare array within the provider's envelope, written once.
static ANSWER: LazyLock<Bytes> = LazyLock::new(|| {
    let envelope = json!({"code": 200, "message": "success", "data": MODELS.0});
    envelope.to_string().into()
});

/// The answer to `GET /api/v3/models`.
pub(crate) fn answer() -> Bytes {
    ANSWER.clone()
}

pub(crate) fn model(id: &str) -> Option<&'static Model> {
    MODELS.1.get(id)
}
