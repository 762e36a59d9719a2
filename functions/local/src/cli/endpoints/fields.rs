//! What an endpoint is to be, as arguments.

use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::exit::usage;

#[derive(Args)]
#[command(next_help_heading = "What it is to be")]
pub(super) struct Fields {
    /// A line of at most 256 characters
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Attach a text by name; may be repeated, and replaces all that were attached
    #[arg(long, value_name = "NAME=TEXT", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// An event type to be told of; may be repeated. 'all' means all but task.started
    #[arg(long = "event", value_name = "TYPE")]
    events: Vec<String>,
    /// Only of tasks of this model; may be repeated
    #[arg(long, value_name = "MODEL")]
    filter_model: Vec<String>,
    /// Only of tasks whose metadata has this; may be repeated
    #[arg(long, value_name = "NAME=TEXT", value_parser = pair)]
    filter_metadata: Vec<(String, String)>,
    /// A header to send along, which is never shown again; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// 'full', or 'thin' for an id and a link
    #[arg(long, value_name = "WHAT")]
    payload: Option<String>,
    /// 'fifo' for the events of one task in order, or 'none'
    #[arg(long, value_name = "HOW")]
    ordering: Option<String>,
    /// 'v1', 'v1a' or 'v1,v1a'
    #[arg(long, value_name = "SCHEMES")]
    signatures: Option<String>,
    /// Callbacks a second at most, or 'none'
    #[arg(long, value_name = "N", value_parser = limit)]
    rate: Option<Limit>,
    /// Callbacks under way at once, or 'none' for the installation's number
    #[arg(long, value_name = "N", value_parser = limit)]
    concurrency: Option<Limit>,
}

/// What only an endpoint that is there already can lose.
#[derive(Args)]
#[command(next_help_heading = "What it is to be")]
pub(super) struct ChangeFields {
    /// A header that is no longer sent; may be repeated
    #[arg(long, value_name = "NAME")]
    remove_header: Vec<String>,
    /// Remove all metadata
    #[arg(long, conflicts_with = "metadata")]
    no_metadata: bool,
    /// Tell it of all tasks
    #[arg(long, conflicts_with_all = ["filter_model", "filter_metadata"])]
    no_filter: bool,
}

/// `None` means no limit.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<u32>);

impl Fields {
    /// The body of the request; what was not given is not in it.
    pub(super) fn body(&self) -> Result<Value> {
        let mut body = json!({});
        for (name, text) in [
            ("description", &self.description),
            ("payload", &self.payload),
            ("ordering", &self.ordering),
            ("signatures", &self.signatures),
        ] {
            if let Some(text) = text {
                body[name] = text.as_str().into();
            }
        }
        if let Some(events) = self.event_types()? {
            body["event_types"] = events;
        }
        for (name, pairs) in [("metadata", &self.metadata), ("headers", &self.headers)] {
            if !pairs.is_empty() {
                body[name] = map(pairs);
            }
        }
        if !self.filter_model.is_empty() {
            body["filter"]["models"] = json!(self.filter_model);
        }
        if !self.filter_metadata.is_empty() {
            body["filter"]["metadata"] = map(&self.filter_metadata);
        }
        for (name, limit) in [
            ("rate_per_second", self.rate),
            ("concurrency", self.concurrency),
        ] {
            if let Some(Limit(number)) = limit {
                body[name] = json!(number);
            }
        }
        Ok(body)
    }

    fn event_types(&self) -> Result<Option<Value>> {
        let is_all = self.events.iter().any(|event| event == "all");
        if is_all && self.events.len() > 1 {
            return Err(usage(
                "'--event all' stands alone: it means every type but task.started",
            ));
        }
        if is_all {
            return Ok(Some(json!([])));
        }
        Ok((!self.events.is_empty()).then(|| json!(self.events)))
    }
}

impl ChangeFields {
    pub(super) fn add_to(&self, body: &mut Value) {
        for name in &self.remove_header {
            body["headers"][name] = Value::Null;
        }
        if self.no_metadata {
            body["metadata"] = json!({});
        }
        if self.no_filter {
            body["filter"] = json!({ "models": [], "metadata": {} });
        }
    }
}

fn map(pairs: &[(String, String)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(name, text)| (name.clone(), Value::from(text.as_str())));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn pair(text: &str) -> Result<(String, String)> {
    let split = text.split_once('=');
    split
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| anyhow!("write NAME=TEXT"))
}

/// The value is not repeated in the error: it may be a secret.
fn header(text: &str) -> Result<(String, String)> {
    let split = text.split_once(':');
    split
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| anyhow!("write 'NAME: VALUE'"))
}

fn limit(text: &str) -> Result<Limit> {
    if text == "none" {
        return Ok(Limit(None));
    }
    text.parse()
        .map(|number| Limit(Some(number)))
        .map_err(|_| anyhow!("write a whole number, or 'none'"))
}
