//! The price of a run, and the available models, under a tenant's price book.

use serde_json::{Map, Value};

use super::{Gateway, Submits};
use crate::app::media::check_sizes;
use crate::base::error::Result;
use crate::base::id::{ModelId, TenantId};
use crate::domain::money::{MicroUsd, PriceBook, price_list};
use crate::domain::provider::Model;

/// The two prices of a run.
pub(super) struct Quote {
    /// What the provider charges us.
    pub(super) cost: MicroUsd,
    /// What the tenant pays.
    pub(super) price: MicroUsd,
}

impl Gateway {
    /// The price of a run with these inputs; a lower bound if inputs that affect the price are
    /// missing.
    ///
    /// Kinds `NotFound` (no such model), `Forbidden` (the tenant may not use it), `TooLarge` (an
    /// input, naming it), `Invalid` (the provider refuses to price the inputs), `Unavailable` (the
    /// catalogue or the quote is unavailable).
    pub async fn price(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        inputs: &Map<String, Value>,
    ) -> Result<MicroUsd> {
        let catalogue = self.provider.catalogue().await?;
        let model = catalogue.model(model)?;
        check_sizes(self.context.bounds.input_bytes_max, model, inputs)?;
        let book = self.context.tenants().get_eventual(tenant).await?.prices;
        Ok(self.submits.quote(&book, model, inputs).await?.price)
    }

    /// The catalogue entries of the models that the tenant may use, at the tenant's prices.
    pub async fn models(&self, tenant: &TenantId) -> Result<Vec<Value>> {
        let catalogue = self.provider.catalogue().await?;
        let book = self.context.tenants().get_eventual(tenant).await?.prices;
        Ok(price_list::entries(&catalogue, &book))
    }
}

impl Submits {
    pub(super) async fn quote(
        &self,
        book: &PriceBook,
        model: &Model,
        inputs: &Map<String, Value>,
    ) -> Result<Quote> {
        // Refuse a model that the tenant may not use before asking the provider for a quote.
        book.price(&model.id, MicroUsd::ZERO)?;
        let cost = if model.needs_quote {
            self.provider.quote(&model.id, inputs).await?
        } else {
            model.base_price
        };
        Ok(Quote {
            cost,
            price: book.price(&model.id, cost)?,
        })
    }
}
