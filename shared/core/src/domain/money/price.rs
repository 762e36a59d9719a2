//! What a tenant pays for a run: its price book applied to the provider's price.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MicroUsd;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::ModelId;

/// Hundredths of a percent: 10,000 is at cost, 12,000 is cost plus 20 %.
const BASIS: i128 = 10_000;
/// A hundred times the cost. More is surely a typing error.
const BASIS_POINTS_MAX: u32 = 1_000_000;
/// The maximum price of a run: a million dollars.
const PRICE_MAX: MicroUsd = MicroUsd(1_000_000_000_000);

/// One model's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Price {
    /// The same for every run, whatever the provider charges.
    Fixed { micro_usd: MicroUsd },
    /// The provider's price for the run times a factor, within bounds.
    Markup {
        /// 10,000 is at cost.
        basis_points: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        floor_micro_usd: Option<MicroUsd>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cap_micro_usd: Option<MicroUsd>,
    },
}

/// What happens to models that the book does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// They have this price.
    Price(Price),
    /// The tenant may not use them.
    Refuse,
}

/// A tenant's prices, which also determine the models it may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceBook {
    #[serde(default)]
    pub models: BTreeMap<ModelId, Price>,
    #[serde(default = "at_cost")]
    pub unlisted: Unlisted,
}

fn at_cost() -> Unlisted {
    Unlisted::Price(Price::AT_COST)
}

impl Default for PriceBook {
    /// Every model at cost.
    fn default() -> Self {
        Self {
            models: BTreeMap::new(),
            unlisted: at_cost(),
        }
    }
}

impl PriceBook {
    /// The price of a run that costs this much at the provider. Kind `Forbidden`, code
    /// `model_not_allowed`, for a model that the tenant may not use.
    pub fn price(&self, model: &ModelId, cost: MicroUsd) -> Result<MicroUsd> {
        match (self.models.get(model), self.unlisted) {
            (Some(price), _) => price.of(cost),
            (None, Unlisted::Price(price)) => price.of(cost),
            (None, Unlisted::Refuse) => {
                let text =
                    format!("this account may not use the model '{model}'; ask its operator");
                Err(Error::new(Kind::Forbidden, "model_not_allowed", text))
            }
        }
    }

    /// True if the tenant may use the model.
    pub fn allows(&self, model: &ModelId) -> bool {
        self.models.contains_key(model) || self.unlisted != Unlisted::Refuse
    }

    /// Fails with kind `Invalid`, naming the model, for an impossible price.
    pub fn check(&self) -> Result<()> {
        let unlisted = match &self.unlisted {
            Unlisted::Price(price) => Some(("unlisted", price)),
            Unlisted::Refuse => None,
        };
        let listed = self
            .models
            .iter()
            .map(|(model, price)| (model.as_str(), price));
        listed
            .chain(unlisted)
            .try_for_each(|(name, price)| price.check().map_err(|error| error.field(name)))
    }

    /// The models, and `unlisted`, that would be sold below cost, as far as can be told from their
    /// terms; `cost` returns the minimum cost of a run of a listed model.
    pub fn under_cost(&self, cost: impl Fn(&ModelId) -> Option<MicroUsd>) -> Vec<String> {
        let listed = self
            .models
            .iter()
            .filter(|(model, price)| price.is_under(cost(model)));
        let mut names: Vec<String> = listed.map(|(model, _)| model.to_string()).collect();
        if matches!(self.unlisted, Unlisted::Price(price) if price.is_under(None)) {
            names.push("unlisted".to_owned());
        }
        names
    }
}

impl Price {
    /// Exactly the provider's price.
    pub const AT_COST: Self = Self::Markup {
        basis_points: 10_000,
        floor_micro_usd: None,
        cap_micro_usd: None,
    };

    /// Rounded up to the next micro-dollar. Kind `Internal` if it overflows.
    pub fn of(&self, cost: MicroUsd) -> Result<MicroUsd> {
        match *self {
            Self::Fixed { micro_usd } => Ok(micro_usd),
            Self::Markup {
                basis_points,
                floor_micro_usd,
                cap_micro_usd,
            } => {
                let exact = i128::from(cost.0) * i128::from(basis_points);
                let rounded = (exact + BASIS - 1).div_euclid(BASIS);
                let price = i64::try_from(rounded)
                    .ok()
                    .map(MicroUsd)
                    .filter(|price| *price <= PRICE_MAX);
                let price = price.ok_or_else(|| {
                    Error::internal("price_overflow", "the price of this run overflows")
                })?;
                let price = floor_micro_usd.map_or(price, |floor| price.max(floor));
                Ok(cap_micro_usd.map_or(price, |cap| price.min(cap)))
            }
        }
    }

    fn check(&self) -> Result<()> {
        let bad = |text: &str| Err(Error::invalid("invalid_price", text));
        let amounts = match *self {
            Self::Fixed { micro_usd } => [Some(micro_usd), None],
            Self::Markup {
                floor_micro_usd,
                cap_micro_usd,
                ..
            } => [floor_micro_usd, cap_micro_usd],
        };
        if amounts
            .into_iter()
            .flatten()
            .any(|amount| amount < MicroUsd::ZERO || amount > PRICE_MAX)
        {
            return bad(
                "a price must be between 0 and 1,000,000,000,000 micro-USD (a million dollars)",
            );
        }
        match *self {
            Self::Markup { basis_points, .. } if basis_points > BASIS_POINTS_MAX => {
                bad("a markup must be at most 1,000,000 basis points; 12,000 is cost plus 20 %")
            }
            Self::Markup {
                floor_micro_usd: Some(floor),
                cap_micro_usd: Some(cap),
                ..
            } if floor > cap => bad("the floor is above the cap"),
            _ => Ok(()),
        }
    }

    /// True if only the cost of a run can tell whether it would be sold below cost.
    pub fn may_be_under_cost(&self) -> bool {
        match *self {
            Self::Fixed { .. } => true,
            Self::Markup {
                basis_points,
                cap_micro_usd,
                ..
            } => i128::from(basis_points) < BASIS || cap_micro_usd.is_some(),
        }
    }

    fn is_under(&self, cost: Option<MicroUsd>) -> bool {
        match (*self, cost) {
            (
                Self::Markup {
                    basis_points,
                    floor_micro_usd,
                    ..
                },
                None,
            ) => i128::from(basis_points) < BASIS && floor_micro_usd.is_none(),
            (_, Some(cost)) => self.of(cost).is_ok_and(|price| price < cost),
            (Self::Fixed { .. }, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markup(basis_points: u32, floor: Option<i64>, cap: Option<i64>) -> Price {
        let (floor_micro_usd, cap_micro_usd) = (floor.map(MicroUsd), cap.map(MicroUsd));
        Price::Markup {
            basis_points,
            floor_micro_usd,
            cap_micro_usd,
        }
    }

    #[test]
    fn a_markup_is_rounded_up_and_kept_within_its_bounds() {
        assert_eq!(
            markup(12_000, None, None).of(MicroUsd(80_000)).unwrap(),
            MicroUsd(96_000)
        );
        assert_eq!(
            markup(10_001, None, None).of(MicroUsd(1)).unwrap(),
            MicroUsd(2)
        );
        assert_eq!(
            markup(12_000, Some(100_000), None)
                .of(MicroUsd(80_000))
                .unwrap(),
            MicroUsd(100_000)
        );
        assert_eq!(
            markup(12_000, None, Some(90_000))
                .of(MicroUsd(80_000))
                .unwrap(),
            MicroUsd(90_000)
        );
        assert_eq!(
            Price::AT_COST.of(MicroUsd(80_000)).unwrap(),
            MicroUsd(80_000)
        );
        assert_eq!(
            markup(1_000_000, None, None)
                .of(MicroUsd(i64::MAX))
                .unwrap_err()
                .code,
            "price_overflow"
        );
    }

    #[test]
    fn a_model_that_is_not_listed_has_the_default_or_is_refused() {
        let (listed, other) = (
            ModelId::parse("a/listed").unwrap(),
            ModelId::parse("a/other").unwrap(),
        );
        let models = BTreeMap::from([(
            listed.clone(),
            Price::Fixed {
                micro_usd: MicroUsd(5),
            },
        )]);
        let open = PriceBook {
            models: models.clone(),
            ..PriceBook::default()
        };
        let closed = PriceBook {
            models,
            unlisted: Unlisted::Refuse,
        };

        assert_eq!(open.price(&listed, MicroUsd(9)).unwrap(), MicroUsd(5));
        assert_eq!(open.price(&other, MicroUsd(9)).unwrap(), MicroUsd(9));
        assert_eq!(
            closed.price(&other, MicroUsd(9)).unwrap_err().code,
            "model_not_allowed"
        );
        assert!(closed.allows(&listed) && !closed.allows(&other));
    }

    #[test]
    fn prices_that_no_run_may_have_are_refused_and_those_under_cost_are_told() {
        let book = |price| PriceBook {
            unlisted: Unlisted::Price(price),
            ..PriceBook::default()
        };
        for bad in [
            Price::Fixed {
                micro_usd: MicroUsd(-1),
            },
            Price::Fixed {
                micro_usd: MicroUsd(i64::MAX),
            },
            markup(2_000_000, None, None),
            markup(10_000, Some(2), Some(1)),
            markup(10_000, Some(-2), None),
        ] {
            assert_eq!(
                book(bad).check().unwrap_err().code,
                "invalid_price",
                "{bad:?}"
            );
        }
        assert!(book(Price::AT_COST).check().is_ok());
        assert_eq!(
            book(markup(9_000, None, None)).under_cost(|_| None),
            ["unlisted"]
        );
        assert!(book(Price::AT_COST).under_cost(|_| None).is_empty());
        let model = ModelId::parse("a/b").unwrap();
        let fixed = PriceBook {
            models: BTreeMap::from([(
                model,
                Price::Fixed {
                    micro_usd: MicroUsd(7),
                },
            )]),
            ..PriceBook::default()
        };
        assert_eq!(fixed.under_cost(|_| Some(MicroUsd(8))), ["a/b"]);
    }
}
