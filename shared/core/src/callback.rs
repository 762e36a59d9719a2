//! Events, where they go, and what their bodies say.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::error::Error;
use crate::prediction::Prediction;
use crate::task::{State, Task};

/// A fact worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "task.completed")]
    TaskCompleted,
    /// Every end but completion.
    #[serde(rename = "task.failed")]
    TaskFailed,
}

impl EventType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskCompleted => "task.completed",
            Self::TaskFailed => "task.failed",
        }
    }

    /// The event that the end of a task is; `None` while it runs.
    pub fn of(state: State) -> Option<Self> {
        match state {
            State::Completed => Some(Self::TaskCompleted),
            State::Failed | State::Cancelled | State::Timeout => Some(Self::TaskFailed),
            _ => None,
        }
    }
}

/// An absolute http or https URL with a host and without credentials. Whether its address is allowed is the guard's to say.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallbackUrl(Url);

impl CallbackUrl {
    /// Longest URL taken, in bytes.
    pub const BYTES_MAX: usize = 2048;

    /// Fails with kind `Invalid` and the reason.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| Error::invalid("invalid_callback_url", format!("the callback URL {why}"));
        if text.len() > Self::BYTES_MAX {
            return Err(bad("is longer than 2048 bytes"));
        }
        let url = Url::parse(text).map_err(|_| bad("is not an absolute URL"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err(bad("must begin with https:// or http:// and name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("must not carry a user name or password; put a secret into its query instead"));
        }
        Ok(Self(url))
    }

    pub fn url(&self) -> &Url {
        &self.0
    }
}

/// Only the origin: the path and query of a callback may hold the tenant's secrets.
impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallbackUrl({}/…)", self.0.origin().ascii_serialization())
    }
}

impl TryFrom<String> for CallbackUrl {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<CallbackUrl> for String {
    fn from(url: CallbackUrl) -> Self {
        url.0.into()
    }
}

/// The Standard Webhooks body: `{type,timestamp,data}`, `data` being the prediction with the objects and the charge.
pub fn standard_body(event: EventType, task: &Task, prediction: &Prediction) -> Vec<u8> {
    let body = json!({ "type": event.as_str(), "timestamp": task.since.rfc3339(), "data": prediction });
    body.to_string().into_bytes()
}

/// The drop-in body: the vendor's bare prediction.
pub fn bare_body(prediction: &Prediction) -> Vec<u8> {
    serde_json::to_vec(prediction).expect("a prediction has only string keys and finite numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_url_is_absolute_plain_and_without_credentials() {
        assert!(CallbackUrl::parse("https://hooks.example/x?y=1").is_ok());
        for text in ["", "/x", "ftp://a/b", "https://u:p@a/b", "https://u@a/b", "mailto:a@b.c", "file:///etc/passwd"] {
            assert!(CallbackUrl::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_debug_form_of_a_callback_url_hides_path_and_query() {
        let url = CallbackUrl::parse("https://hooks.example/secret?token=1").unwrap();

        assert_eq!(format!("{url:?}"), "CallbackUrl(https://hooks.example/…)");
    }
}
