//! Setting a tenant's prices.

use std::sync::Arc;

use serde_json::json;

use super::Tenancy;
use crate::audit::{Actor, AuditAction};
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::id::{ModelId, TenantId};
use crate::money::PriceBook;

/// A new price book.
#[derive(Debug)]
pub struct PricesChange {
    /// In place of the whole one.
    pub prices: PriceBook,
    /// A run may be sold for less than it costs.
    pub allow_under_cost: bool,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub struct PricesChanged {
    pub prices: PriceBook,
    /// The models that are sold under cost now, because that was allowed; `unlisted` stands for all that the book does not list.
    pub under_cost: Vec<String>,
    /// False: what models cost is not known here, so that only the terms of the prices were judged.
    pub costs_known: bool,
}

/// Models named in an error or an audit entry; the rest is a number.
const NAMES_MAX: usize = 10;

impl Tenancy {
    /// Sets the prices of runs that are submitted from now on; a run that was submitted keeps its own.
    ///
    /// Kind `Invalid`: `invalid_price`, naming the model, for a price that no run may have; `under_cost`, naming the models, for
    /// prices below cost that were not allowed. Kind `Conflict` with code `version_conflict` when somebody else changed the
    /// tenant meanwhile. Nothing is written then.
    pub async fn set_prices(&self, id: &TenantId, change: PricesChange, actor: &Actor) -> Result<PricesChanged> {
        let mut tenant = self.tenants.current(id).await?;
        change.prices.check()?;
        let catalogue = self.catalogue().await;
        let under_cost = under_cost(&change.prices, catalogue.as_deref());
        if !under_cost.is_empty() && !change.allow_under_cost {
            let text = format!(
                "{} would be sold under cost; raise the price, or set it with allow_under_cost=true",
                named(&under_cost)
            );
            return Err(Error::invalid("under_cost", text).field(under_cost[0].clone()));
        }
        tenant.prices = change.prices;
        tenant.version += 1;
        let detail = json!({
            "models": tenant.prices.models.len(), "unlisted": tenant.prices.unlisted, "under_cost": named(&under_cost),
        });
        self.tenants.update(&tenant, &self.entry(actor, AuditAction::PricesChanged, id, detail)).await?;
        Ok(PricesChanged { prices: tenant.prices, under_cost, costs_known: catalogue.is_some() })
    }

    /// What upstream asks is worth knowing, and not worth keeping an operator from changing prices.
    async fn catalogue(&self) -> Option<Arc<Catalogue>> {
        match self.upstream.as_ref()?.catalogue().await {
            Ok(catalogue) => Some(catalogue),
            Err(error) => {
                tracing::warn!(error = error.with_causes(), "prices are judged without knowing what models cost");
                None
            }
        }
    }
}

fn under_cost(prices: &PriceBook, catalogue: Option<&Catalogue>) -> Vec<String> {
    let cost = |model: &ModelId| Some(catalogue?.model(model).ok()?.base_price);
    let mut names = prices.under_cost(cost);
    let unlisted_under = || {
        let mut models = catalogue.into_iter().flat_map(Catalogue::models);
        models.any(|model| {
            let price = prices.price(&model.id, model.base_price);
            !prices.models.contains_key(&model.id) && price.is_ok_and(|price| price < model.base_price)
        })
    };
    if !names.iter().any(|name| name == UNLISTED) && unlisted_under() {
        names.push(UNLISTED.to_owned());
    }
    names
}

/// What the price book calls the models that it does not list.
const UNLISTED: &str = "unlisted";

fn named(models: &[String]) -> String {
    let first = models.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match models.len().saturating_sub(NAMES_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
