//! The tenant and scopes that a verified token speaks for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Kind, Result};
use crate::base::id::TenantId;
use crate::domain::tenant::Limits;

/// What a token may be used for.
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
pub enum Scope {
    /// Run models and upload pictures.
    Submit,
    /// Read tasks, their timelines and models.
    Read,
    /// Manage webhook endpoints, and read the secret that signs callbacks.
    Endpoints,
    /// Read balance, prices, usage and billing.
    Billing,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Submit, Self::Read, Self::Endpoints, Self::Billing];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Endpoints => "endpoints",
            Self::Billing => "billing",
        }
    }
}

/// The bearer of a verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub tenant: TenantId,
    /// The token's `sub`, for logs.
    pub subject: Option<String>,
    pub scopes: BTreeSet<Scope>,
    /// The tenant's limits when the token was verified.
    pub limits: Limits,
}

impl Principal {
    /// Fails with kind `Forbidden` and code `scope_missing`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let text = format!(
            "this token may not be used for this request, which needs the scope '{}'",
            scope.as_str()
        );
        Err(Error::new(Kind::Forbidden, "scope_missing", text))
    }
}
