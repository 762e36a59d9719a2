//! What a run would cost: the tenant's own price, before it is asked for.

use axum::Json;
use axum::extract::State;
use fluxgate_core::id::ModelId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::tenant::{Principal, Scope};
use fluxgate_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::envelope::{Envelope, success};
use crate::bearer::WaveSpeedBearer;
use crate::body::RawBody;
use crate::error_reply::{WaveSpeedError, WaveSpeedErrorBody};
use crate::state::Edge;

const CURRENCY: &str = "USD";

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PriceRequest {
    /// As `/api/v3/models` lists it.
    model_id: String,
    /// The inputs of the run; where some that drive the price are missing, the price is the least
    /// that it can be.
    #[serde(default)]
    #[schema(value_type = Object)]
    inputs: Map<String, Value>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnitPrice {
    model_id: String,
    /// What a run with these inputs costs, in USD.
    unit_price: f64,
    /// Always `USD`.
    currency: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DiscountedPrice {
    model_id: String,
    /// What a run with these inputs costs, in USD.
    price: f64,
    /// The same: the price is the tenant's own already.
    discounted_price: f64,
    /// Always `USD`.
    currency: &'static str,
}

/// Price a run
#[utoipa::path(
    post, path = "/api/v3/model/pricing", tag = "models", operation_id = "pricing", request_body = PriceRequest,
    responses((status = 200, body = Envelope<UnitPrice>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn pricing(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
    body: RawBody,
) -> std::result::Result<Json<Envelope<UnitPrice>>, WaveSpeedError> {
    let (model, price) = price_of(&edge, &principal, body).await?;
    Ok(success(UnitPrice {
        model_id: model.into(),
        unit_price: price.usd(),
        currency: CURRENCY,
    }))
}

/// Price a run, with discounts
#[utoipa::path(
    post, path = "/api/v3/model/price", tag = "models", operation_id = "price", request_body = PriceRequest,
    responses((status = 200, body = Envelope<DiscountedPrice>), (status = "4XX", body = WaveSpeedErrorBody)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn price(
    State(edge): State<Edge>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
    body: RawBody,
) -> std::result::Result<Json<Envelope<DiscountedPrice>>, WaveSpeedError> {
    let (model, price) = price_of(&edge, &principal, body).await?;
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
    principal: &Principal,
    body: RawBody,
) -> Result<(ModelId, MicroUsd)> {
    principal.require(Scope::Billing)?;
    let request: PriceRequest = body.json().await?;
    // A model that cannot be does not exist.
    let model = ModelId::parse(&request.model_id).map_err(|error| {
        Error::new(Kind::NotFound, "unknown_model", error.message).field("model_id")
    })?;
    let price = edge
        .gateway
        .price(&principal.tenant, &model, &request.inputs)
        .await?;
    Ok((model, price))
}
