//! An event as the gateway hands it out.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use fluxgate_core::json;
use fluxgate_core::webhook::SignedHeaders;
use serde::Deserialize;
use serde_json::Value;

/// Some events, and where to read on.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) events: Vec<Event>,
    pub(super) next: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) task_id: Option<String>,
    pub(super) headers: BTreeMap<String, String>,
    /// As it is signed.
    pub(super) body: String,
    pub(super) cursor: String,
}

impl Page {
    pub(super) fn of(answer: Value) -> Result<Self> {
        json::of(answer)
            .context("the gateway's answer is no page of events; is it of another release?")
    }
}

impl Event {
    /// `None` when one of the three is missing.
    pub(super) fn signature(&self) -> Option<SignedHeaders> {
        let header = |name: &str| self.headers.get(name);
        Some(SignedHeaders {
            id: header("webhook-id")?.clone(),
            timestamp: header("webhook-timestamp")?.parse().ok()?,
            signature: header("webhook-signature")?.clone(),
        })
    }

    /// The headers that are neither signed nor about the body.
    pub(super) fn other_headers(&self) -> impl Iterator<Item = (&String, &String)> {
        self.headers
            .iter()
            .filter(|(name, _)| !name.starts_with("webhook-") && !name.starts_with("content-"))
    }
}
