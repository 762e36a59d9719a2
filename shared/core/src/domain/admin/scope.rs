//! What a caller of the admin API may do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::echo::echo;
use crate::base::error::{Error, Result};

/// A kind of request. Each route needs one of them.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AdminScope {
    /// Read everything that operators may read.
    Read,
    /// Change everything but money.
    Write,
    /// Change tenants' money: top-ups, budgets, corrections.
    Money,
    /// Read `/metrics`.
    Metrics,
}

impl AdminScope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Money, Self::Metrics];

    pub fn all() -> BTreeSet<Self> {
        Self::ALL.into()
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Money => "money",
            Self::Metrics => "metrics",
        }
    }

    /// Kind `Invalid`, naming the scopes there are.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            let text = format!(
                "'{}' is not a scope of the admin API; there are {known}",
                echo(text)
            );
            Error::invalid("invalid_parameter", text).field("scopes")
        })
    }
}
