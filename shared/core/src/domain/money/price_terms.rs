//! Prices as people write and read them: amounts in USD and markups in percent, as exact decimals
//! in strings. The stored forms, micro-USD and basis points, are accepted too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MicroUsd, Price, PriceBook, Unlisted};
use crate::base::error::{Error, Result};
use crate::base::id::ModelId;

/// A price book, or part of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceBookTerms {
    /// The tenant's version with this book. Sending a whole book back with it fails if somebody
    /// changed the tenant meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, PriceTerms>)]
    pub models: BTreeMap<ModelId, PriceTerms>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<UnlistedTerms>,
}

/// One price: `{"fixed": {"usd": "0.06"}}` or `{"markup": {"percent": "20", "floor_usd": "0.05",
/// "cap_usd": "0.20"}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "PriceForm", into = "PriceForm")]
#[schema(value_type = PriceForm)]
pub struct PriceTerms(pub Price);

/// What happens to models that the book does not list: `"refuse"`, or `{"price": …}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnlistedTerms {
    Price(PriceTerms),
    Refuse,
}

impl PriceBookTerms {
    /// The whole book.
    pub fn of(book: &PriceBook, version: u64) -> Self {
        let models = book
            .models
            .iter()
            .map(|(model, price)| (model.clone(), PriceTerms(*price)));
        Self {
            version: Some(version),
            models: models.collect(),
            unlisted: Some(book.unlisted.into()),
        }
    }

    pub fn prices(self) -> BTreeMap<ModelId, Price> {
        self.models
            .into_iter()
            .map(|(model, price)| (model, price.0))
            .collect()
    }

    /// As a whole book: models that it does not list are sold at cost, unless it says otherwise.
    pub fn book(self) -> PriceBook {
        let unlisted = self
            .unlisted
            .map_or(Unlisted::Price(Price::AT_COST), Unlisted::from);
        PriceBook {
            models: self.prices(),
            unlisted,
        }
    }
}

impl From<Unlisted> for UnlistedTerms {
    fn from(unlisted: Unlisted) -> Self {
        match unlisted {
            Unlisted::Price(price) => Self::Price(PriceTerms(price)),
            Unlisted::Refuse => Self::Refuse,
        }
    }
}

impl From<UnlistedTerms> for Unlisted {
    fn from(terms: UnlistedTerms) -> Self {
        match terms {
            UnlistedTerms::Price(PriceTerms(price)) => Self::Price(price),
            UnlistedTerms::Refuse => Self::Refuse,
        }
    }
}

/// A markup in percent over the provider's price, such as `20`, `12.5` or `-10`, as basis points.
/// Kind `Invalid`.
pub fn parse_percent(text: &str) -> Result<u32> {
    let bad = || {
        let text = format!(
            "'{text}' is not a percentage; use -100 to 9900 with at most 2 decimals, such as 20 or 12.5"
        );
        Error::invalid("invalid_price", text)
    };
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or((1, text), |digits| (-1, digits));
    // Amounts are parsed exactly, to a millionth.
    let millionths = MicroUsd::parse_usd(digits).map_err(|_| bad())?.0;
    if millionths % 10_000 != 0 {
        return Err(bad());
    }
    u32::try_from(10_000 + sign * (millionths / 10_000)).map_err(|_| bad())
}

fn percent(basis_points: u32) -> String {
    let hundredths = i64::from(basis_points) - 10_000;
    let sign = if hundredths < 0 { "-" } else { "" };
    let exact = format!("{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100);
    format!(
        "{sign}{}",
        exact.trim_end_matches('0').trim_end_matches('.')
    )
}

#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PriceForm {
    Fixed(FixedForm),
    Markup(MarkupForm),
}

#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct FixedForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$")]
    usd: Option<String>,
    #[serde(default, skip_serializing)]
    micro_usd: Option<MicroUsd>,
}

#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct MarkupForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^-?[0-9]{1,4}(\\.[0-9]{1,2})?$")]
    percent: Option<String>,
    #[serde(default, skip_serializing)]
    basis_points: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$")]
    floor_usd: Option<String>,
    #[serde(default, skip_serializing)]
    floor_micro_usd: Option<MicroUsd>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$")]
    cap_usd: Option<String>,
    #[serde(default, skip_serializing)]
    cap_micro_usd: Option<MicroUsd>,
}

impl From<PriceTerms> for PriceForm {
    fn from(PriceTerms(price): PriceTerms) -> Self {
        match price {
            Price::Fixed { micro_usd } => Self::Fixed(FixedForm {
                usd: Some(micro_usd.decimal()),
                ..FixedForm::default()
            }),
            Price::Markup {
                basis_points,
                floor_micro_usd,
                cap_micro_usd,
            } => Self::Markup(MarkupForm {
                percent: Some(percent(basis_points)),
                floor_usd: floor_micro_usd.map(MicroUsd::decimal),
                cap_usd: cap_micro_usd.map(MicroUsd::decimal),
                ..MarkupForm::default()
            }),
        }
    }
}

impl TryFrom<PriceForm> for PriceTerms {
    type Error = String;

    fn try_from(form: PriceForm) -> std::result::Result<Self, String> {
        let missing = |name: &str| format!("a price needs '{name}'");
        Ok(Self(match form {
            PriceForm::Fixed(form) => {
                let micro_usd = one("usd", form.usd, form.micro_usd, MicroUsd::parse_usd)?;
                Price::Fixed {
                    micro_usd: micro_usd.ok_or_else(|| missing("usd"))?,
                }
            }
            PriceForm::Markup(form) => {
                let basis_points = one("percent", form.percent, form.basis_points, parse_percent)?;
                Price::Markup {
                    basis_points: basis_points.ok_or_else(|| missing("percent"))?,
                    floor_micro_usd: one(
                        "floor_usd",
                        form.floor_usd,
                        form.floor_micro_usd,
                        MicroUsd::parse_usd,
                    )?,
                    cap_micro_usd: one(
                        "cap_usd",
                        form.cap_usd,
                        form.cap_micro_usd,
                        MicroUsd::parse_usd,
                    )?,
                }
            }
        }))
    }
}

/// A value given in one of two units.
fn one<T>(
    name: &str,
    text: Option<String>,
    stored: Option<T>,
    parse: impl Fn(&str) -> Result<T>,
) -> std::result::Result<Option<T>, String> {
    match (text, stored) {
        (Some(_), Some(_)) => Err(format!("'{name}' is given twice, in two units")),
        (Some(text), None) => parse(&text)
            .map(Some)
            .map_err(|error| format!("'{name}': {}", error.message)),
        (None, stored) => Ok(stored),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(price: Value) -> std::result::Result<Price, String> {
        serde_json::from_value::<PriceTerms>(price)
            .map(|terms| terms.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_percentage_is_read_and_written_exactly() {
        let exact = [
            ("20", 12_000),
            ("12.5", 11_250),
            ("0.01", 10_001),
            ("-10", 9_000),
            ("-100", 0),
            ("0", 10_000),
        ];
        for (text, basis_points) in exact {
            assert_eq!(parse_percent(text).unwrap(), basis_points, "{text}");
            assert_eq!(percent(basis_points), text);
        }
        for bad in ["", "x", "0.001", "-101", "1e3", "--1", "99999999999"] {
            assert!(parse_percent(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_price_is_written_in_usd_and_percent_and_read_back() {
        let markup = Price::Markup {
            basis_points: 11_250,
            floor_micro_usd: Some(MicroUsd(50_000)),
            cap_micro_usd: Some(MicroUsd(200_000)),
        };
        let fixed = Price::Fixed {
            micro_usd: MicroUsd(80_001),
        };

        let markup_terms =
            json!({ "markup": { "percent": "12.5", "floor_usd": "0.05", "cap_usd": "0.20" } });
        assert_eq!(
            serde_json::to_value(PriceTerms(markup)).unwrap(),
            markup_terms
        );
        assert_eq!(
            serde_json::to_value(PriceTerms(fixed)).unwrap(),
            json!({ "fixed": { "usd": "0.080001" } })
        );
        for price in [markup, fixed] {
            assert_eq!(
                read(serde_json::to_value(PriceTerms(price)).unwrap()),
                Ok(price)
            );
            assert_eq!(
                read(serde_json::to_value(price).unwrap()),
                Ok(price),
                "as it is stored"
            );
        }
    }

    #[test]
    fn a_price_that_is_none_says_why() {
        for (price, wanted) in [
            (json!({ "fixed": {} }), "a price needs 'usd'"),
            (
                json!({ "markup": { "floor_usd": "1" } }),
                "a price needs 'percent'",
            ),
            (
                json!({ "fixed": { "usd": "0.08", "micro_usd": 80_000 } }),
                "given twice",
            ),
            (
                json!({ "fixed": { "usd": "x" } }),
                "'usd': 'x' is not an amount",
            ),
            (
                json!({ "markup": { "percent": "x" } }),
                "'percent': 'x' is not a percentage",
            ),
            (json!({ "fixed": { "usd": 0.08 } }), "expected a string"),
            (json!({ "fixed": { "eur": "1" } }), "unknown field"),
        ] {
            let why = read(price.clone()).unwrap_err();
            assert!(why.contains(wanted), "{price}: {why}");
        }
    }
}
