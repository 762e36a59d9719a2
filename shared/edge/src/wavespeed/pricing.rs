//! The price of a run before it is submitted: the tenant's own price.

use axum::extract::State;
use fluxgate_core::id::ModelId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::billing_call::{Answer, BillingCall};
use super::envelope::{Envelope, success};
use crate::state::Edge;

const CURRENCY: &str = "USD";

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PriceRequest {
    /// As listed by `/api/v3/models`.
    model_id: String,
    /// The inputs of the run; if inputs that affect the price are missing, the price is a lower
    /// bound.
    #[schema(value_type = Option<Object>)]
    inputs: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnitPrice {
    model_id: String,
    /// The price of a run with these inputs, in USD.
    unit_price: f64,
    /// Always `USD`.
    currency: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DiscountedPrice {
    model_id: String,
    /// The price of a run with these inputs, in USD.
    price: f64,
    /// Equal to `price`, which is already the tenant's own price.
    discounted_price: f64,
    /// Always `USD`.
    currency: &'static str,
}

/// Price a run
#[utoipa::path(
    post, path = "/api/v3/model/pricing", tag = "models", operation_id = "pricing", request_body = PriceRequest,
    responses((status = 200, description = "the price", body = Envelope<UnitPrice>), (status = 404, description = "no such model")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn pricing(
    State(edge): State<Edge>,
    call: BillingCall<PriceRequest>,
) -> Answer<UnitPrice> {
    let (model, price) = price_of(&edge, call).await?;
    Ok(success(UnitPrice {
        model_id: model.into(),
        unit_price: price.usd(),
        currency: CURRENCY,
    }))
}

/// Price a run, with discounts
#[utoipa::path(
    post, path = "/api/v3/model/price", tag = "models", operation_id = "price", request_body = PriceRequest,
    responses((status = 200, description = "the price", body = Envelope<DiscountedPrice>), (status = 404, description = "no such model")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn price(
    State(edge): State<Edge>,
    call: BillingCall<PriceRequest>,
) -> Answer<DiscountedPrice> {
    let (model, price) = price_of(&edge, call).await?;
    let price = price.usd();
    Ok(success(DiscountedPrice {
        model_id: model.into(),
        price,
        discounted_price: price,
        currency: CURRENCY,
    }))
}

async fn price_of(
    edge: &Edge,
    BillingCall { principal, request }: BillingCall<PriceRequest>,
) -> Result<(ModelId, MicroUsd)> {
    // A model that cannot be does not exist.
    let model = ModelId::parse(&request.model_id).map_err(|error| {
        Error::new(Kind::NotFound, "unknown_model", error.message).field("model_id")
    })?;
    let inputs = request.inputs.unwrap_or_default();
    let price = edge
        .gateway
        .price(&principal.tenant, &model, inputs)
        .await?;
    Ok((model, price))
}
