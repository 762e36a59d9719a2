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

    /// The headers of a callback that are neither signed nor about the body. No other goes to the
    /// program: a gateway has nothing to say in its `authorization` or `host`.
    pub(super) fn other_headers(&self) -> impl Iterator<Item = (&String, &String)> {
        self.headers.iter().filter(|(name, _)| is_forwarded(name))
    }
}

fn is_forwarded(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("fluxgate-") || ["traceparent", "tracestate"].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_of_a_callback_go_to_the_program() {
        for name in ["fluxgate-webhook-kid", "Traceparent", "tracestate"] {
            assert!(is_forwarded(name), "{name}");
        }
        // What is signed and the type of the body are written anew.
        for name in [
            "authorization",
            "Host",
            "cookie",
            "webhook-id",
            "content-type",
            "x-a",
        ] {
            assert!(!is_forwarded(name), "{name}");
        }
    }
}
