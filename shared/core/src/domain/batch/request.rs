//! One line as a client writes it: the body of `POST /v1/tasks`, and two fields more.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::base::error::{Error, Result};
use crate::base::id::{IdempotencyKey, ModelId};
use crate::base::json::{self, JsonBounds};
use crate::base::labels::Labels;
use crate::domain::webhook::CallbackUrl;

const REFERENCE_CHARS_MAX: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    model: String,
    input: Map<String, Value>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    callback_url: Option<String>,
    idempotency_key: Option<String>,
    reference: Option<String>,
}

/// A line that may be submitted.
#[derive(Debug)]
pub struct LineRequest {
    pub model: ModelId,
    pub inputs: Map<String, Value>,
    pub metadata: Labels,
    pub callback: Option<CallbackUrl>,
    /// Its own key; without one the line has that of its place in the batch.
    pub key: Option<IdempotencyKey>,
    pub reference: Option<String>,
}

impl LineRequest {
    /// Kind `Invalid`, naming the field: what is wrong before anything is looked up.
    pub fn parse(line: &[u8]) -> Result<Self> {
        let written: Written = json::read(line, JsonBounds::REQUEST)?;
        let callback = written.callback_url.as_deref().map(CallbackUrl::parse_new);
        let key = written.idempotency_key.as_deref();
        let key = key.map(IdempotencyKey::parse).transpose();
        Ok(Self {
            model: ModelId::parse(&written.model).map_err(|error| error.field("model"))?,
            inputs: written.input,
            metadata: Labels::new(written.metadata)?,
            callback: callback
                .transpose()
                .map_err(|error| error.field("callback_url"))?,
            key: key.map_err(|error| error.field("idempotency_key"))?,
            reference: written.reference.map(reference).transpose()?,
        })
    }
}

/// The name of a line that is no task.
pub fn reference_of(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        reference: String,
    }
    let named: Named = json::read(line, JsonBounds::REQUEST).ok()?;
    reference(named.reference).ok()
}

fn reference(text: String) -> Result<String> {
    let fits = (1..=REFERENCE_CHARS_MAX).contains(&text.chars().count());
    if fits && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    let text = format!("'reference' must be 1 to {REFERENCE_CHARS_MAX} printable characters");
    Err(Error::invalid("invalid_reference", text).field("reference"))
}
