//! The list of predictions, and deleting them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Shared, parse};
use crate::page::Page;
use crate::provider::Provider;
use crate::reply::{Refusal, success};
use crate::run::{Run, echo, prediction};

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

pub(super) async fn list(provider: Shared, body: Bytes) -> Result<Response, Refusal> {
    provider.count("list");
    let search: Search = parse(&body)?;
    let page = Page::new(search.page, search.page_size)?;
    let not_too_old = |run: &Arc<Run>| {
        search
            .created_after
            .is_none_or(|after| run.created_at >= after)
    };
    let hidden = provider.faults.strike(|faults| &mut faults.list_hides);
    let found = provider
        .runs
        .newest_first()
        .take_while(not_too_old)
        .filter(|run| !hidden && search.matches(run));
    let (runs, total) = page.of(found);
    let with_inputs = search.include_inputs.unwrap_or(false);
    let mut items: Vec<Value> = runs
        .iter()
        .map(|run| item(&provider, run, with_inputs))
        .collect();
    if provider.faults.strike(|faults| &mut faults.list_endless) {
        items.resize_with(page.size(), strange_item);
    }
    Ok(success(
        json!({"page": page.number, "items": items, "total": total}),
    ))
}

/// A run of a model that nobody submitted.
fn strange_item() -> Value {
    let (id, created_at) = (
        Uuid::now_v7().simple().to_string(),
        format!("{:.3}", Timestamp::now()),
    );
    json!({"id": id, "model": "strangers/model", "status": "completed", "created_at": created_at, "outputs": []})
}

impl Search {
    fn matches(&self, run: &Run) -> bool {
        let wanted = |filter: &Option<String>, value: &str| {
            filter
                .as_deref()
                .is_none_or(|filter| filter.is_empty() || filter == value)
        };
        !run.is_deleted()
            && self
                .created_before
                .is_none_or(|before| run.created_at <= before)
            && wanted(&self.model, &run.model.id)
            && wanted(&self.status, run.progress().status())
    }
}

fn item(provider: &Provider, run: &Run, with_inputs: bool) -> Value {
    let mut item = prediction(provider, run);
    if with_inputs {
        item["input"] = echo(run);
    }
    item
}

#[derive(Deserialize)]
struct Deletion {
    ids: Vec<String>,
}

pub(super) async fn delete(provider: Shared, body: Bytes) -> Result<Response, Refusal> {
    provider.count("delete");
    let deletion: Deletion = parse(&body)?;
    let runs = deletion.ids.iter().filter_map(|id| provider.runs.get(id));
    let deleted = runs.filter(|run| run.delete());
    let deleted_count = deleted.inspect(|run| provider.drop_outputs(run)).count();
    Ok(success(json!({"deleted_count": deleted_count})))
}
