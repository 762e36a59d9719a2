//! POST `/api/v3/{owner}/{model…}`: accepts a run, unless a fault prevents it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use crate::catalogue;
use crate::inputs::{self, Media};
use crate::provider::Provider;
use crate::reply::{Refusal, success};
use crate::run::{Run, echo, prediction};
use crate::serve::HangUp;

/// How long a sync-mode submit is held, as by the provider.
const SYNC_WAIT_MAX: Duration = Duration::from_secs(90);

#[derive(Deserialize)]
pub(super) struct Asked {
    webhook: Option<String>,
}

pub(super) async fn submit(
    provider: Shared,
    Path((owner, model)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    body: Bytes,
) -> Result<Response, Refusal> {
    provider.count("submit");
    refuse_by_fault(&provider)?;
    let (mut run, media) = read(&format!("{owner}/{model}"), asked, &body)?;
    run.created_at = provider.by_its_clock(run.created_at);
    if provider.balance_micro_usd() < run.price_micro_usd {
        return Err(Refusal::new(
            StatusCode::PAYMENT_REQUIRED,
            "the balance does not cover this run",
        ));
    }
    let too_many = |_| {
        Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many runs are in progress",
        )
    };
    let created = with_inputs(prediction(&provider, &run), &run);
    let run = provider.accept(run, media).map_err(too_many)?;
    Ok(answer(&provider, &run, created).await)
}

fn refuse_by_fault(provider: &Provider) -> Result<(), Refusal> {
    let faulty = provider.faults.value(|faults| faults.rate_limit_per_second);
    let limit = if faulty > 0 {
        Some(faulty)
    } else {
        provider.config.rate_per_second_max
    };
    if limit.is_some_and(|limit| !provider.rate.admit(limit)) {
        return Err(Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many requests, slow down",
        ));
    }
    if provider
        .faults
        .strike(|faults| &mut faults.error_500_before_accept)
    {
        return Err(broken());
    }
    if provider.faults.strike(|faults| &mut faults.model_forbidden) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "your plan does not cover this model (emulated)",
        ));
    }
    Ok(())
}

fn broken() -> Refusal {
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal error (emulated)",
    )
}

fn read(model: &str, asked: Asked, body: &[u8]) -> Result<(Run, Vec<Media>), Refusal> {
    let model = catalogue::model(model)
        .ok_or_else(|| Refusal::not_found(format!("there is no model '{model}'")))?;
    let body: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| Refusal::invalid("the body is not a JSON object"))?;
    let webhook = asked
        .webhook
        .or_else(|| body.get("webhook_url")?.as_str().map(str::to_owned));
    let webhook = webhook.filter(|url| !url.is_empty());
    if webhook.as_deref().is_some_and(|url| !is_http(url)) {
        return Err(Refusal::invalid("the webhook is not an http or https URL"));
    }
    let inputs = inputs::parse(model, body)?;
    Ok((Run::new(model, inputs.declared, webhook), inputs.media))
}

fn is_http(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// The run is accepted and charged, whatever the response.
async fn answer(provider: &Provider, run: &Run, created: Value) -> Response {
    let late = provider.faults.value(|faults| faults.hang_after_accept_ms);
    tokio::time::sleep(Duration::from_millis(late)).await;
    if provider
        .faults
        .strike(|faults| &mut faults.hang_up_after_accept)
    {
        return HangUp.into_response();
    }
    if provider
        .faults
        .strike(|faults| &mut faults.error_500_after_accept)
    {
        return broken().into_response();
    }
    if run.flag("enable_sync_mode") {
        return success(with_inputs(when_ended(provider, run).await, run));
    }
    success(created)
}

/// A submit is answered with its inputs.
fn with_inputs(mut prediction: Value, run: &Run) -> Value {
    prediction["input"] = echo(run);
    prediction
}

async fn when_ended(provider: &Provider, run: &Run) -> Value {
    let in_time = tokio::time::timeout(SYNC_WAIT_MAX, run.until_ended())
        .await
        .is_ok();
    let mut data = prediction(provider, run);
    if !in_time {
        data["code"] = json!(5004);
        data["error"] = json!("the run takes longer than the request may wait; fetch its result");
    }
    data
}
