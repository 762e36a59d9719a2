//! A tenant's prices, set by the operator: amounts in USD, markups in percent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::Error;
use fluxgate_core::app::{Operator, PricesChange, PricesEdit};
use fluxgate_core::id::ModelId;
use fluxgate_core::money::PriceBookTerms;
use fluxgate_core::tenant::Actor;
use serde::Serialize;

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;

type Answer = Result<Json<PricesView>, Problem>;

/// The prices now in force.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PricesView {
    prices: PriceBookTerms,
    /// Models sold below cost, because `allow_under_cost` was given.
    under_cost: Vec<String>,
    /// False if costs were unavailable, so that only the terms of the prices were checked.
    costs_known: bool,
}

/// Read a tenant's prices
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/prices", tag = "money", operation_id = "get_prices",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "the price book", body = PriceBookTerms)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Result<Json<PriceBookTerms>, Problem> {
    let tenant = operator.tenant(&tenant_id(&id)?).await?;
    Ok(Json(PriceBookTerms::of(&tenant.prices, tenant.version)))
}

/// Replace a tenant's prices
#[utoipa::path(
    put, path = "/admin/v1/tenants/{id}/prices", tag = "money", operation_id = "set_prices",
    params(("id" = String, Path, description = "the tenant's id"), ("allow_under_cost" = Option<bool>, Query, description = "accept prices below cost"), ("force" = Option<bool>, Query, description = "accept models that the catalogue does not have")),
    request_body = PriceBookTerms,
    responses((status = 200, description = "the prices now in force", body = PricesView),
        (status = 409, description = "somebody changed the tenant meanwhile, or a price is below cost")),
    security(("admin_token" = [])))]
pub(crate) async fn set(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    query: Query,
    body: RawBody,
) -> Answer {
    let terms: PriceBookTerms = body.document().await?;
    let version = terms.version;
    change(
        &operator,
        &id,
        PricesEdit::Replace {
            book: terms.book(),
            version,
        },
        &query,
        &actor,
    )
    .await
}

/// Set some of a tenant's prices
///
/// All others stay.
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{id}/prices", tag = "money", operation_id = "set_some_prices",
    params(("id" = String, Path, description = "the tenant's id"), ("allow_under_cost" = Option<bool>, Query, description = "accept prices below cost"), ("force" = Option<bool>, Query, description = "accept models that the catalogue does not have")),
    request_body = PriceBookTerms,
    responses((status = 200, description = "the prices now in force", body = PricesView),
        (status = 409, description = "somebody changed the tenant meanwhile, or a price is below cost")),
    security(("admin_token" = [])))]
pub(crate) async fn set_some(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    query: Query,
    body: RawBody,
) -> Answer {
    let terms: PriceBookTerms = body.document().await?;
    if terms.version.is_some() {
        let text = "'version' does not apply to single prices; leave it out, or PUT a whole book";
        return Err(Error::invalid("invalid_parameter", text)
            .field("version")
            .into());
    }
    let unlisted = terms.unlisted.map(Into::into);
    change(
        &operator,
        &id,
        PricesEdit::Set {
            models: terms.prices(),
            unlisted,
        },
        &query,
        &actor,
    )
    .await
}

/// Remove a price
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/prices/{*model}", tag = "money", operation_id = "remove_price",
    params(("id" = String, Path, description = "the tenant's id"), ("model" = String, Path, description = "the model's path", pattern = "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){1,3}$"), ("allow_under_cost" = Option<bool>, Query, description = "accept prices below cost"), ("force" = Option<bool>, Query, description = "accept models that the catalogue does not have")),
    responses((status = 200, description = "the prices now in force", body = PricesView),
        (status = 409, description = "somebody changed the tenant meanwhile, or a price is below cost")),
    security(("admin_token" = [])))]
pub(crate) async fn remove(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path((id, model)): Path<(String, String)>,
    query: Query,
) -> Answer {
    let models = vec![ModelId::parse(&model).map_err(|error| error.field("model"))?];
    change(
        &operator,
        &id,
        PricesEdit::Remove { models },
        &query,
        &actor,
    )
    .await
}

/// Remove several prices
///
/// All of them, or on an error none.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/prices", tag = "money", operation_id = "remove_prices",
    params(("id" = String, Path, description = "the tenant's id"), ("models" = String, Query, description = "the models' paths, separated by commas", pattern = "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){1,3}(,[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){1,3})*$"), ("allow_under_cost" = Option<bool>, Query, description = "accept prices below cost"), ("force" = Option<bool>, Query, description = "accept models that the catalogue does not have")),
    responses((status = 200, description = "the prices now in force", body = PricesView),
        (status = 409, description = "somebody changed the tenant meanwhile, or a price is below cost")),
    security(("admin_token" = [])))]
pub(crate) async fn remove_some(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Answer {
    let Some(named) = query.text("models")? else {
        let text = "'models' is missing: name the models whose prices to remove";
        return Err(Error::invalid("invalid_parameter", text)
            .field("models")
            .into());
    };
    let models: Result<Vec<ModelId>, Error> = named.split(',').map(ModelId::parse).collect();
    let models = models.map_err(|error| error.field("models"))?;
    let edit = PricesEdit::Remove { models };
    change(&operator, &id, edit, &query, &actor).await
}

async fn change(
    operator: &Operator,
    id: &str,
    edit: PricesEdit,
    query: &Query,
    actor: &Actor,
) -> Answer {
    let change = PricesChange {
        edit,
        allow_under_cost: query.flag("allow_under_cost")?,
        allow_unknown_models: query.flag("force")?,
    };
    let changed = operator.set_prices(&tenant_id(id)?, &change, actor).await?;
    let prices = PriceBookTerms::of(&changed.prices, changed.version);
    Ok(Json(PricesView {
        prices,
        under_cost: changed.under_cost,
        costs_known: changed.costs_known,
    }))
}
