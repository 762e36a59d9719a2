//! GET of one prediction, on its three paths.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::Shared;
use super::output::FRESH;
use crate::reply::{Refusal, success};
use crate::run::{forgotten, prediction};

pub(super) async fn result(provider: Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    provider.count("result");
    if provider.faults.strike(|faults| &mut faults.result_500) {
        return Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal error (emulated)",
        ));
    }
    let run = provider.runs.get(&id).filter(|run| !run.is_deleted());
    let Some(run) = run else {
        let unknown = || Refusal::not_found("there is no such prediction");
        let made_at = provider.forgotten(&id).ok_or_else(unknown)?;
        return Ok(success(forgotten(&provider, &id, made_at)));
    };
    let mut prediction = prediction(&provider, &run);
    if provider
        .faults
        .value(|faults| faults.stale_output_links.is_on())
    {
        name_fresh_links(&mut prediction);
    }
    Ok(success(prediction))
}

fn name_fresh_links(prediction: &mut Value) {
    for output in prediction["outputs"].as_array_mut().into_iter().flatten() {
        let link = match output {
            Value::Object(fields) => fields.get_mut("url"),
            link => Some(link),
        };
        if let Some(Value::String(link)) = link
            && link.starts_with("http")
        {
            *link = format!("{link}?{FRESH}");
        }
    }
}
