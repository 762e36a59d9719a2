//! The provider's own list of runs, used to resolve an ambiguous submit.

use fluxgate_core::Result;
use fluxgate_core::id::ModelId;
use fluxgate_core::port::RunList;
use fluxgate_core::provider::{ProviderRun, lenient};
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;
use serde_json::{Value, json};

use super::exchange::{Exchange, unreadable};

/// The provider's own limit.
const PAGE_SIZE: usize = 100;
/// Two thousand runs of one model within the few minutes around a submit.
const PAGES_MAX: usize = 20;

/// The filters are sent to the provider and applied again here: a run of another model or another
/// day must never be taken for the right one.
pub(super) async fn runs_between(
    exchange: &Exchange,
    model: &ModelId,
    (since, until): (Timestamp, Timestamp),
    trace: &TraceContext,
) -> Result<RunList> {
    let mut list = RunList::default();
    let mut all_read = true;
    for page in 1..=PAGES_MAX {
        let (items, told_at) = items(exchange, model, (since, until), trace, page).await?;
        let (asked, is_last) = (items.len(), items.len() < PAGE_SIZE);
        let read: Vec<ProviderRun> = items
            .iter()
            .filter_map(|item| ProviderRun::from_json(item).ok())
            .collect();
        all_read &= read.len() == asked;
        let reached = read.iter().any(|run| is_older(run, since));
        list.told_at = told_at;
        list.runs.extend(
            read.into_iter().filter(|run| {
                !is_older(run, since) && !is_younger(run, until) && is_of(run, model)
            }),
        );
        if is_last || reached {
            list.whole = all_read;
            break;
        }
    }
    Ok(list)
}

async fn items(
    exchange: &Exchange,
    model: &ModelId,
    (since, until): (Timestamp, Timestamp),
    trace: &TraceContext,
    page: usize,
) -> Result<(Vec<Value>, Option<Timestamp>)> {
    let question = json!({
        "page": page,
        "page_size": PAGE_SIZE,
        "model": model,
        "created_after": since.rfc3339(),
        "created_before": until.rfc3339(),
        "include_inputs": true,
    });
    let (data, told_at) = exchange
        .post_dated("/api/v3/predictions", &question, trace)
        .await?;
    Ok((lenient::items(data).ok_or_else(unreadable)?, told_at))
}

fn is_older(run: &ProviderRun, since: Timestamp) -> bool {
    run.created_at.is_some_and(|created_at| created_at < since)
}

fn is_younger(run: &ProviderRun, until: Timestamp) -> bool {
    run.created_at.is_some_and(|created_at| created_at > until)
}

fn is_of(run: &ProviderRun, model: &ModelId) -> bool {
    run.model.as_ref().is_none_or(|of| of == model)
}
