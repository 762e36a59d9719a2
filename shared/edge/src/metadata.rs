//! What a tenant attaches to a task. It comes in a header, because a model may have an input of the
//! same name.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::labels::Labels;
use fluxgate_core::{Error, Result};

use crate::header;

const NAME: &str = "fluxgate-metadata";

/// Kind `Invalid`, naming the header: for what is not a JSON object of texts, and over its bounds.
pub(crate) fn metadata(headers: &HeaderMap) -> Result<Labels> {
    let Some(value) = header::one(headers, NAME)? else {
        return Ok(Labels::default());
    };
    let map: BTreeMap<String, String> =
        json::read(value.as_bytes(), JsonBounds::DOCUMENT).map_err(|_| unreadable())?;
    Labels::new(map).map_err(|error| error.field("Fluxgate-Metadata"))
}

fn unreadable() -> Error {
    let text = "the header Fluxgate-Metadata is a JSON object whose values are texts, like {\"order\":\"42\"}";
    Error::invalid("invalid_metadata", text).field("Fluxgate-Metadata")
}
