//! The price of a run, and the available models, under a tenant's price book.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Gateway, Submits};
use crate::app::media::check_sizes;
use crate::base::error::Result;
use crate::base::id::{ModelId, TenantId};
use crate::domain::money::{MicroUsd, PriceBook, price_list};
use crate::domain::provider::{Catalogue, Model};

/// The two prices of a run.
pub(super) struct Quote {
    /// What the provider charges us.
    pub(super) cost: MicroUsd,
    /// What the tenant pays.
    pub(super) price: MicroUsd,
}

/// The catalogue as one tenant sees it. Two of them are equal if their entries are.
#[derive(Clone)]
pub struct TenantModels {
    catalogue: Arc<Catalogue>,
    book: PriceBook,
    base_url: String,
}

impl PartialEq for TenantModels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.catalogue, &other.catalogue)
            && self.book == other.book
            && self.base_url == other.base_url
    }
}

impl TenantModels {
    /// Whether both were made from one reading of the provider's catalogue.
    pub fn is_of_same_catalogue(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.catalogue, &other.catalogue)
    }

    /// Made one at a time: all of them are megabytes.
    pub fn entries(&self) -> impl Iterator<Item = Value> + '_ {
        price_list::entries(&self.catalogue, &self.book, &self.base_url)
    }

    /// The type of a model and the least that a run costs, if not only a quote tells it; `None` if
    /// it can no longer be run.
    pub fn summary(&self, model: &ModelId) -> Option<(String, Option<MicroUsd>)> {
        price_list::summary(&self.catalogue, &self.book, model)
    }
}

impl Gateway {
    /// The price of a run with these inputs; a lower bound if inputs that affect the price are
    /// missing.
    ///
    /// Kinds `NotFound` (no such model), `Forbidden` (the tenant may not use it), `TooLarge` (an
    /// input, naming it), `Invalid` (an input that a submit refuses, or that the provider does not
    /// price), `Unavailable` (the catalogue or the quote is unavailable).
    pub async fn price(
        &self,
        tenant: &TenantId,
        model: &ModelId,
        inputs: Map<String, Value>,
    ) -> Result<MicroUsd> {
        let catalogue = self.provider.catalogue().await?;
        let model = catalogue.model(model)?;
        let inputs = model.accept_for_price(inputs)?;
        check_sizes(self.context.bounds.input_bytes_max, model, &inputs)?;
        let record = self.context.tenants().get_eventual(tenant).await?;
        Ok(self
            .submits
            .quote(&record.prices, model, &inputs)
            .await?
            .price)
    }

    /// The models that the tenant may use, at the tenant's prices.
    pub async fn models(&self, tenant: &TenantId) -> Result<TenantModels> {
        Ok(TenantModels {
            catalogue: self.provider.catalogue().await?,
            book: self
                .context
                .tenants()
                .get_eventual(tenant)
                .await?
                .prices
                .clone(),
            base_url: self.views.base_url().as_str().to_owned(),
        })
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
        let cost = match model.price_told(inputs) {
            Some(cost) => cost,
            None => {
                // A quote sends the inputs away.
                self.context.check_restored().await?;
                let key = model.quote_key(inputs);
                self.provider.quote(&model.id, inputs, key).await?
            }
        };
        Ok(Quote {
            cost,
            price: book.price(&model.id, cost)?,
        })
    }
}
