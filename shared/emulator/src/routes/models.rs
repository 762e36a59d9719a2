//! The catalogue, and what a run would cost.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Shared, parse};
use crate::catalogue::{self, Model, Price};
use crate::money::usd;
use crate::reply::{Refusal, success};

pub(super) async fn models(provider: Shared) -> Response {
    provider.count("models");
    ([(CONTENT_TYPE, "application/json")], catalogue::answer()).into_response()
}

#[derive(Deserialize)]
struct Quote {
    model_id: String,
    #[serde(default)]
    inputs: Map<String, Value>,
}

pub(super) async fn pricing(provider: Shared, body: Bytes) -> Result<Response, Refusal> {
    provider.count("pricing");
    let (model, price) = quote(&body)?;
    Ok(success(json!({
        "model_id": model.id,
        "unit_price": usd(price.charged_micro_usd),
        "currency": "USD",
    })))
}

pub(super) async fn price(provider: Shared, body: Bytes) -> Result<Response, Refusal> {
    provider.count("price");
    let (model, price) = quote(&body)?;
    Ok(success(json!({
        "model_id": model.id,
        "price": usd(price.listed_micro_usd),
        "discounted_price": usd(price.charged_micro_usd),
        "currency": "USD",
    })))
}

fn quote(body: &[u8]) -> Result<(&'static Model, Price), Refusal> {
    let quote: Quote = parse(body)?;
    let unknown = || Refusal::not_found(format!("there is no model '{}'", quote.model_id));
    let model = catalogue::model(&quote.model_id).ok_or_else(unknown)?;
    Ok((model, model.price(&quote.inputs)))
}
