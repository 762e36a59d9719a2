//! Sets a tenant's prices.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Operator;
use super::told::with_difference;
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::{ModelId, TenantId};
use crate::domain::money::{Price, PriceBook, PriceTerms, Unlisted, UnlistedTerms};
use crate::domain::provider::Catalogue;
use crate::domain::tenant::{Actor, AuditAction};
use crate::port::errors::version_moved;

/// A requested change of a price book.
#[derive(Debug, Clone)]
pub struct PricesChange {
    pub edit: PricesEdit,
    /// Allow prices below cost.
    pub allow_under_cost: bool,
    /// Allow models that the provider's catalogue does not list (yet).
    pub allow_unknown_models: bool,
}

/// An edit of a price book.
#[derive(Debug, Clone)]
pub enum PricesEdit {
    /// Replaces the whole book; if a version is given, only if the tenant is still at it.
    Replace {
        book: PriceBook,
        version: Option<u64>,
    },
    /// Sets these prices. All others stay.
    Set {
        models: BTreeMap<ModelId, Price>,
        unlisted: Option<Unlisted>,
    },
    /// Removes these models' own prices: they are sold at the price for unlisted models.
    Remove { models: Vec<ModelId> },
}

/// The result of a price change.
#[derive(Debug, PartialEq, Eq)]
pub struct PricesChanged {
    pub prices: PriceBook,
    /// The tenant's version with these prices.
    pub version: u64,
    /// The models now sold below cost, because that was allowed; `unlisted` stands for all models
    /// that the book does not list.
    pub under_cost: Vec<String>,
    /// False if costs were unavailable, so that only the terms of the prices were checked.
    pub costs_known: bool,
}

/// Maximum number of models named in an error or an audit entry; the rest are only counted.
const NAMES_MAX: usize = 10;
/// Maximum number of attempts when others change the tenant concurrently.
const TRIES_MAX: usize = 16;

impl Operator {
    /// Sets the prices of runs submitted from now on; a run already submitted keeps its price.
    /// Edits of single models apply to the current book, so that concurrent edits do not undo each
    /// other.
    ///
    /// Kind `Invalid`: `invalid_price`, naming the model, for an impossible price; `unknown_model`,
    /// with suggestions, for a new model that the provider does not list; `under_cost`, naming the
    /// models, for prices below cost. The last two can be allowed. Kind `Unavailable` with code
    /// `costs_unknown` for prices that cannot be checked against cost, which can be allowed too.
    /// Kind `NotFound` with code `price_not_listed` for removing a price that is not listed; kind
    /// `Unavailable` with code `catalogue_unknown` if the catalogue is unavailable to look up a new
    /// model; kind `Conflict` with code `version_conflict` if the tenant is not at the version
    /// given with a whole book. On an error nothing is written.
    pub async fn set_prices(
        &self,
        id: &TenantId,
        change: &PricesChange,
        actor: &Actor,
    ) -> Result<PricesChanged> {
        let catalogue = self.catalogue().await;
        let mut tries = 0;
        loop {
            tries += 1;
            match self
                .try_set_prices(id, change, catalogue.as_deref(), actor)
                .await
            {
                Err(error)
                    if error.is(Reason::VersionMoved)
                        && change.edit.can_be_repeated()
                        && tries < TRIES_MAX => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_set_prices(
        &self,
        id: &TenantId,
        change: &PricesChange,
        catalogue: Option<&Catalogue>,
        actor: &Actor,
    ) -> Result<PricesChanged> {
        let mut tenant = self.context.tenants().get(id).await?;
        let before = tenant.prices.clone();
        let prices = change.edit.of(&before, tenant.version)?;
        prices.check()?;
        if !change.allow_unknown_models {
            check_known(
                prices
                    .models
                    .keys()
                    .filter(|model| !before.models.contains_key(model)),
                catalogue,
            )?;
        }
        if !change.allow_under_cost {
            refuse_under_cost(&change.edit.judged(&prices, catalogue))?;
            if catalogue.is_none() {
                refuse_unjudged(&before, &prices)?;
            }
        }
        let under_cost = under_cost(&prices, catalogue);
        if prices != before {
            tenant.prices = prices;
            tenant.version += 1;
            let detail = told(&before, &tenant.prices, &under_cost);
            self.context
                .tenants()
                .update(
                    &tenant,
                    &self.entry(actor, AuditAction::PricesChanged, id, detail),
                )
                .await?;
        }
        let (prices, version) = (tenant.prices, tenant.version);
        Ok(PricesChanged {
            prices,
            version,
            under_cost,
            costs_known: catalogue.is_some(),
        })
    }

    /// The provider's catalogue, `None` if it is unavailable: that must not keep an operator from
    /// changing prices.
    async fn catalogue(&self) -> Option<Arc<Catalogue>> {
        match self.provider.as_ref()?.catalogue().await {
            Ok(catalogue) => Some(catalogue),
            Err(error) => {
                tracing::warn!(
                    error = error.with_causes(),
                    "provider catalogue unavailable; checking prices without model costs"
                );
                None
            }
        }
    }
}

impl PricesEdit {
    /// False for a whole book, which was based on what its author had read.
    fn can_be_repeated(&self) -> bool {
        !matches!(self, Self::Replace { .. })
    }

    /// Applies the edit to the book, which is at this version.
    fn of(&self, before: &PriceBook, version: u64) -> Result<PriceBook> {
        let mut book = before.clone();
        match self {
            Self::Replace {
                book,
                version: wanted,
            } => {
                if let Some(wanted) = wanted.filter(|wanted| *wanted != version) {
                    let text = format!(
                        "the prices are for version {wanted} of the tenant, but it is at version {version}: somebody changed it meanwhile; \
                         read its prices again and repeat the change"
                    );
                    return Err(version_moved(text));
                }
                return Ok(book.clone());
            }
            Self::Set { models, unlisted } => {
                book.models
                    .extend(models.iter().map(|(model, price)| (model.clone(), *price)));
                book.unlisted = unlisted.unwrap_or(book.unlisted);
            }
            Self::Remove { models } => {
                for model in models {
                    book.models
                        .remove(model)
                        .ok_or_else(|| not_listed(model, before))?;
                }
            }
        }
        Ok(book)
    }

    /// The models affected by this edit that would be sold below cost.
    fn judged(&self, prices: &PriceBook, catalogue: Option<&Catalogue>) -> Vec<String> {
        match self {
            Self::Replace { .. } => under_cost(prices, catalogue),
            Self::Set { models, unlisted } => {
                let mut names = under_cost(prices, catalogue);
                names.retain(|name| {
                    let named = models.keys().any(|model| model.as_str() == name);
                    named || (unlisted.is_some() && name == UNLISTED)
                });
                names
            }
            Self::Remove { models } => {
                let cost = |model: &ModelId| catalogue?.model(model).ok()?.base_price();
                let is_under = |model: &&ModelId| {
                    cost(model).is_some_and(|cost| {
                        prices.price(model, cost).is_ok_and(|price| price < cost)
                    })
                };
                models
                    .iter()
                    .filter(is_under)
                    .map(ToString::to_string)
                    .collect()
            }
        }
    }
}

fn not_listed(model: &ModelId, book: &PriceBook) -> Error {
    let listed: Vec<String> = book.models.keys().map(ToString::to_string).collect();
    let there = if listed.is_empty() {
        "no model".to_owned()
    } else {
        named(&listed)
    };
    let text = format!("the price book does not list '{model}'; it lists {there}");
    Error::new(Kind::NotFound, "price_not_listed", text).field(model.to_string())
}

fn check_known<'a>(
    models: impl Iterator<Item = &'a ModelId>,
    catalogue: Option<&Catalogue>,
) -> Result<()> {
    let mut unknown =
        models.filter(|model| catalogue.is_none_or(|catalogue| catalogue.model(model).is_err()));
    let Some(model) = unknown.next() else {
        return Ok(());
    };
    let Some(catalogue) = catalogue else {
        let text = format!(
            "the provider's catalogue is unavailable, so model '{model}' cannot be looked up; try again later, or set its price anyway with force=true"
        );
        return Err(Error::unavailable("catalogue_unknown", text).field(model.to_string()));
    };
    let near: Vec<String> = catalogue
        .near(model)
        .into_iter()
        .map(|near| format!("'{near}'"))
        .collect();
    let meant = if near.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", near.join(" or "))
    };
    let more = match unknown.count() {
        0 => String::new(),
        more => format!(", and {more} more of these models are not listed"),
    };
    let text = format!(
        "the provider's catalogue does not list model '{model}'{meant}{more}; to set a price for a model that is not listed yet, use force=true"
    );
    Err(Error::invalid("unknown_model", text).field(model.to_string()))
}

fn refuse_under_cost(names: &[String]) -> Result<()> {
    let Some(first) = names.first() else {
        return Ok(());
    };
    let text = format!(
        "{} would be sold below cost; raise the price, or allow it with allow_under_cost=true",
        named(names)
    );
    Err(Error::invalid("under_cost", text).field(first.clone()))
}

/// Fails if one of the changed prices can only be checked against the cost of a run.
fn refuse_unjudged(before: &PriceBook, after: &PriceBook) -> Result<()> {
    let listed = after
        .models
        .iter()
        .filter(|(model, price)| before.models.get(*model) != Some(*price));
    let listed = listed.map(|(model, price)| (model.as_str(), *price));
    let removed = before
        .models
        .keys()
        .filter(|model| !after.models.contains_key(*model))
        .map(ModelId::as_str);
    let unlisted = (after.unlisted != before.unlisted).then_some(UNLISTED);
    let unlisted = removed
        .chain(unlisted)
        .filter_map(|name| match after.unlisted {
            Unlisted::Price(price) => Some((name, price)),
            Unlisted::Refuse => None,
        });
    let Some((name, _)) = listed
        .chain(unlisted)
        .find(|(_, price)| price.may_be_under_cost())
    else {
        return Ok(());
    };
    let text = format!(
        "provider costs are unavailable, so the price of {name} cannot be checked against them; try again later, or set it \
         anyway with allow_under_cost=true"
    );
    Err(Error::unavailable("costs_unknown", text).field(name))
}

fn under_cost(prices: &PriceBook, catalogue: Option<&Catalogue>) -> Vec<String> {
    let cost = |model: &ModelId| catalogue?.model(model).ok()?.base_price();
    let mut names = prices.under_cost(cost);
    let unlisted_under = || {
        let mut models = catalogue.into_iter().flat_map(Catalogue::models);
        models.any(|model| {
            let is_under = |cost| {
                let price = prices.price(&model.id, cost);
                price.is_ok_and(|price| price < cost)
            };
            !prices.models.contains_key(&model.id) && model.base_price().is_some_and(is_under)
        })
    };
    if !names.iter().any(|name| name == UNLISTED) && unlisted_under() {
        names.push(UNLISTED.to_owned());
    }
    names
}

/// Stands for all models that the price book does not list.
const UNLISTED: &str = "unlisted";

/// For the audit log: the changed prices, and what the book contains now.
fn told(before: &PriceBook, after: &PriceBook, under_cost: &[String]) -> Value {
    let changed = after
        .models
        .iter()
        .filter(|(model, price)| before.models.get(*model) != Some(*price));
    let set: BTreeMap<&ModelId, PriceTerms> = changed
        .map(|(model, price)| (model, PriceTerms(*price)))
        .collect();
    let gone = before
        .models
        .keys()
        .filter(|model| !after.models.contains_key(*model));
    let removed: Vec<String> = gone.map(ToString::to_string).collect();
    let detail = json!({
        "set": set.iter().take(NAMES_MAX).collect::<BTreeMap<_, _>>(), "set_count": set.len(),
        "removed": named(&removed), "models": after.models.len(),
        "unlisted": UnlistedTerms::from(after.unlisted), "under_cost": named(under_cost),
    });
    let (before, after) = (told_book(before, after), told_book(after, before));
    with_difference(detail, &before, &after)
}

/// The prices of a book that the other one does not have, as far as an entry names them.
fn told_book(book: &PriceBook, other: &PriceBook) -> Value {
    let own = book
        .models
        .iter()
        .filter(|(model, price)| other.models.get(*model) != Some(*price));
    let own = own.take(NAMES_MAX);
    let models: BTreeMap<&ModelId, PriceTerms> = own
        .map(|(model, price)| (model, PriceTerms(*price)))
        .collect();
    json!({ "models": models, "unlisted": UnlistedTerms::from(book.unlisted) })
}

fn named(models: &[String]) -> String {
    let first = models
        .iter()
        .take(NAMES_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match models.len().saturating_sub(NAMES_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
