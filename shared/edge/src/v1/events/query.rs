//! What a reader of events asks for.

use std::time::Duration;

use axum::http::HeaderMap;
use fluxgate_core::id::EndpointId;
use fluxgate_core::webhook::InboxCursor;
use fluxgate_core::{Error, Result};

use crate::header::one;
use crate::query::Query;
use crate::v1::endpoints::endpoint_id;

const NAMES: [&str; 4] = ["endpoint", "after", "limit", "wait"];
const LAST_EVENT_ID: &str = "last-event-id";
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 100;
/// A stream writes while it reads on: less at a time.
const STREAM_LIMIT: usize = 20;
const WAIT_S_MAX: u64 = 25;

pub(super) struct Asked {
    pub(super) endpoint: EndpointId,
    pub(super) after: Option<InboxCursor>,
    pub(super) limit: usize,
    pub(super) wait: Duration,
}

impl Asked {
    /// Kind `Invalid`, naming the parameter.
    pub(super) fn of(query: &Query, headers: &HeaderMap, is_stream: bool) -> Result<Self> {
        query.only(&NAMES)?;
        let endpoint = query.text("endpoint")?.ok_or_else(|| {
            let text = "the parameter 'endpoint' is missing: the id of a pull endpoint";
            Error::invalid("missing_parameter", text).field("endpoint")
        })?;
        let last = match one(headers, LAST_EVENT_ID)? {
            // A browser sends an empty one before its first event.
            Some(value) if is_stream && !value.is_empty() => {
                Some(value.to_str().unwrap_or_default())
            }
            _ => None,
        };
        let limit = if is_stream { STREAM_LIMIT } else { LIMIT };
        Ok(Self {
            endpoint: endpoint_id(endpoint)?,
            after: match last {
                Some(text) => Some(cursor(LAST_EVENT_ID, text)?),
                None => query
                    .text("after")?
                    .map(|text| cursor("after", text))
                    .transpose()?,
            },
            limit: within(query, "limit", 1, LIMIT_MAX as u64)?
                .map_or(limit, |limit| usize::try_from(limit).unwrap_or(LIMIT_MAX)),
            wait: Duration::from_secs(within(query, "wait", 0, WAIT_S_MAX)?.unwrap_or(0)),
        })
    }
}

fn cursor(name: &str, text: &str) -> Result<InboxCursor> {
    InboxCursor::parse(text).map_err(|error| error.field(name))
}

fn within(query: &Query, name: &str, min: u64, max: u64) -> Result<Option<u64>> {
    let Some(text) = query.text(name)? else {
        return Ok(None);
    };
    let number = text.parse().ok();
    let number = number.filter(|number| (min..=max).contains(number));
    number.map(Some).ok_or_else(|| {
        let text = format!("'{name}' is a number from {min} to {max}");
        Error::invalid("invalid_parameter", text).field(name)
    })
}
