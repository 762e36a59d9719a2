//! The list of predictions, and forgetting them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, parse};
use crate::page::Page;
use crate::reply::{Refusal, success};
use crate::run::{Run, echo, prediction};
use crate::vendor::Vendor;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Search {
    page: Option<usize>,
    page_size: Option<usize>,
    model: Option<String>,
    status: Option<String>,
    created_after: Option<Timestamp>,
    created_before: Option<Timestamp>,
    include_inputs: Option<bool>,
}

pub(super) async fn list(vendor: Shared, body: Bytes) -> Result<Response, Refusal> {
    vendor.count("list");
    let search: Search = parse(&body)?;
    let page = Page::new(search.page, search.page_size)?;
    let not_too_old = |run: &Arc<Run>| search.created_after.is_none_or(|after| run.created_at >= after);
    let found = vendor.runs.newest_first().take_while(not_too_old).filter(|run| search.matches(run));
    let (runs, total) = page.of(found);
    let with_inputs = search.include_inputs.unwrap_or(false);
    let items: Vec<Value> = runs.iter().map(|run| item(&vendor, run, with_inputs)).collect();
    Ok(success(json!({"page": page.number, "items": items, "total": total})))
}

impl Search {
    fn matches(&self, run: &Run) -> bool {
        let wanted = |filter: &Option<String>, value: &str| {
            filter.as_deref().is_none_or(|filter| filter.is_empty() || filter == value)
        };
        !run.is_deleted()
            && self.created_before.is_none_or(|before| run.created_at <= before)
            && wanted(&self.model, &run.model.id)
            && wanted(&self.status, run.progress().status())
    }
}

fn item(vendor: &Vendor, run: &Run, with_inputs: bool) -> Value {
    let mut item = prediction(vendor, run);
    if with_inputs {
        item["input"] = echo(run);
    }
    item
}

#[derive(Deserialize)]
struct Deletion {
    ids: Vec<String>,
}

pub(super) async fn delete(vendor: Shared, body: Bytes) -> Result<Response, Refusal> {
    vendor.count("delete");
    let deletion: Deletion = parse(&body)?;
    let runs = deletion.ids.iter().filter_map(|id| vendor.runs.get(id));
    let deleted_count = runs.filter(|run| run.delete()).count();
    Ok(success(json!({"deleted_count": deleted_count})))
}
