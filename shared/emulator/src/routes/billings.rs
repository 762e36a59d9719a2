//! The charges, run by run. A run is charged from the moment it is accepted, and no longer once it
//! has failed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, parse};
use crate::money::usd;
use crate::page::Page;
use crate::provider::Provider;
use crate::reply::{Refusal, success};
use crate::run::{Progress, Run};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Search {
    page: Option<usize>,
    page_size: Option<usize>,
    billing_type: Option<String>,
    prediction_uuids: Option<Vec<String>>,
    /// Oldest first if it is `asc`.
    sort: Option<String>,
    /// Milliseconds since the Unix epoch, as a string.
    start_time: Option<String>,
    end_time: Option<String>,
}

pub(super) async fn search(provider: Shared, body: Bytes) -> Result<Response, Refusal> {
    provider.count("billings");
    let search: Search = parse(&body)?;
    let page = Page::new(search.page, search.page_size)?;
    let (start, end) = (
        millisecond(search.start_time.as_deref())?,
        millisecond(search.end_time.as_deref())?,
    );
    let mut runs = if is_deduct(search.billing_type.as_deref()) {
        candidates(&provider, &search)
    } else {
        Vec::new()
    };
    runs.retain(|run| {
        let at = run.created_at.as_millisecond();
        let is_within = start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end);
        is_within && run.charged_micro_usd() > 0
    });
    if search
        .sort
        .is_some_and(|sort| sort.to_ascii_lowercase().ends_with("asc"))
    {
        runs.reverse();
    }
    let (runs, total) = page.of(runs.into_iter());
    let items: Vec<Value> = runs.iter().map(|run| item(run)).collect();
    Ok(success(
        json!({"page": page.number, "total": total, "has_more": page.has_more(total), "items": items}),
    ))
}

/// The only kind there is: an emulator has no top-ups.
fn is_deduct(billing_type: Option<&str>) -> bool {
    billing_type.is_none_or(|kind| kind.is_empty() || kind == "deduct")
}

/// Newest first.
fn candidates(provider: &Provider, search: &Search) -> Vec<Arc<Run>> {
    let Some(ids) = search
        .prediction_uuids
        .as_ref()
        .filter(|ids| !ids.is_empty())
    else {
        return provider.runs.newest_first().collect();
    };
    let mut runs: Vec<Arc<Run>> = ids.iter().filter_map(|id| provider.runs.get(id)).collect();
    runs.sort_by(|a, b| b.id.cmp(&a.id));
    runs.dedup_by(|a, b| a.id == b.id);
    runs
}

fn millisecond(text: Option<&str>) -> Result<Option<i64>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| Refusal::invalid("start_time and end_time must be milliseconds, as strings"))
}

fn item(run: &Run) -> Value {
    let progress = run.progress();
    let (state, updated_at) = match &progress {
        Progress::Ended { at, .. } => ("done", *at),
        _ => ("pre", run.created_at),
    };
    let price = usd(run.price_micro_usd);
    json!({
        "uuid": format!("bill_{}", run.id),
        "billing_type": "deduct",
        "price": price,
        "created_at": format!("{:.3}", run.created_at),
        "updated_at": format!("{updated_at:.3}"),
        "order": {"uuid": format!("order_{}", run.id), "state": state, "price": price},
        "prediction": {"uuid": run.id, "model_uuid": run.model.id, "status": progress.status()},
    })
}
