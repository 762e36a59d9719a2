//! The tenant and scopes that a verified token speaks for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Kind, Result};
use crate::base::id::{KeyId, TenantId};
use crate::base::time::Timestamp;
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
    /// Make, list and revoke API keys.
    Keys,
}

impl Scope {
    pub const ALL: [Self; 5] = [
        Self::Submit,
        Self::Read,
        Self::Endpoints,
        Self::Billing,
        Self::Keys,
    ];

    /// What a token may be used for whose trust does not say. A key may outlive the token that made
    /// it, so that one has to be allowed by name.
    pub const UNMAPPED: [Self; 4] = [Self::Submit, Self::Read, Self::Endpoints, Self::Billing];

    /// Kind `Invalid` with code `invalid_parameter`.
    pub fn parse(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            let text = format!("'{text}' is not a scope; the scopes are {all}");
            Error::invalid("invalid_parameter", text).field("scopes")
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Read => "read",
            Self::Endpoints => "endpoints",
            Self::Billing => "billing",
            Self::Keys => "keys",
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
    /// The API key, if the token is one.
    pub key: Option<KeyId>,
    /// When the token ends; none for an API key without an end.
    pub ends_at: Option<Timestamp>,
    /// The tenant's limits when the token was verified.
    pub limits: Limits,
}

/// The scopes that a key has unless others are named, and this one.
fn with_usual(scope: &str) -> String {
    match scope {
        "submit" | "read" => "submit,read".to_owned(),
        other => format!("submit,read,{other}"),
    }
}

impl Principal {
    /// Fails with kind `Forbidden` and code `scope_missing`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        let scope = scope.as_str();
        let text = format!(
            "this token may not be used for this request, which needs the scope '{scope}'; \
             'fluxgate keys create TENANT --name NAME --scope {}' makes an API key that has it",
            with_usual(scope)
        );
        Err(Error::new(Kind::Forbidden, "scope_missing", text))
    }
}
