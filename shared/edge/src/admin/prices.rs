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
#[derive(Debug, Serialize)]
pub(crate) struct PricesView {
    prices: PriceBookTerms,
    /// Models sold below cost, because `allow_under_cost` was given.
    under_cost: Vec<String>,
    /// False if costs were unavailable, so that only the terms of the prices were checked.
    costs_known: bool,
}

pub(crate) async fn get(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Result<Json<PriceBookTerms>, Problem> {
    let tenant = operator.tenant(&tenant_id(&id)?).await?;
    Ok(Json(PriceBookTerms::of(&tenant.prices, tenant.version)))
}

/// Replaces the whole book.
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

/// Sets the prices named in the body; all others stay.
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
