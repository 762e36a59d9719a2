//! A tenant: whose tokens speak for it, and where its outputs go.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Kind, Result};
use crate::base::id::{KeyId, TenantId};
use crate::base::seal::Sealed;
use crate::base::time::Timestamp;
use crate::domain::money::PriceBook;
use crate::domain::task::Output;
use crate::domain::tenant::{Destination, Limits, LiveKey, RetentionDays, Trust};
use crate::domain::webhook::SigningSecret;

/// A customer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    pub created_at: Timestamp,
    pub state: TenantState,
    pub trust: Vec<Trust>,
    pub destination: Destination,
    /// Where outputs went before, newest first: their links are signed there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations_before: Vec<Destination>,
    /// Signs the drop-in callbacks in the provider's `v3` dialect.
    pub webhook_secret: Sealed,
    /// Those of before, which sign as well until their overlap is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook_secrets_before: Vec<SigningSecret>,
    /// Counts the changes; the store writes one only over the version it was made from. 1 for a new
    /// tenant.
    #[serde(default = "first_version")]
    pub version: u64,
    #[serde(default)]
    pub prices: PriceBook,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub unarchived: UnarchivedOutputs,
    /// How long its data is kept.
    #[serde(default, skip_serializing_if = "RetentionDays::is_default")]
    pub retention: RetentionDays,
    /// Its API keys that were not revoked, at most [`super::KEYS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<LiveKey>,
}

/// What happens to a finished run if the tenant's own side (bucket, policy, key, role) keeps its
/// outputs out of the bucket until the time limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnarchivedOutputs {
    /// The task completes with the provider's links and is charged, since the run was made.
    #[default]
    Charge,
    /// The task fails and the hold is released: the operator bears the cost of the run.
    Release,
}

impl UnarchivedOutputs {
    /// Fails with kind `Invalid`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "charge" => Ok(Self::Charge),
            "release" => Ok(Self::Release),
            _ => Err(
                Error::invalid("invalid_parameter", "must be 'charge' or 'release'")
                    .field("unarchived"),
            ),
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Release => "release",
        }
    }
}

fn first_version() -> u64 {
    1
}

impl Tenant {
    /// Kind `Unauthenticated` with code `key_revoked`.
    pub fn live_key(&self, id: &KeyId) -> Result<&LiveKey> {
        self.keys.iter().find(|key| key.id == *id).ok_or_else(|| {
            let text = "this API key was revoked; use another one";
            Error::new(Kind::Unauthenticated, "key_revoked", text)
        })
    }

    /// Maximum number of former destinations that a tenant's record has.
    pub const DESTINATIONS_BEFORE_MAX: usize = 4;

    /// Replaces the destination. The former one is kept for the links of what lies there.
    pub fn redirect(&mut self, destination: Destination) {
        let former = std::mem::replace(&mut self.destination, destination);
        self.destinations_before.insert(0, former);
        let mut places = vec![self.destination.place()];
        self.destinations_before.retain(|former| {
            let is_new = !places.contains(&former.place());
            places.push(former.place());
            is_new
        });
        self.destinations_before
            .truncate(Self::DESTINATIONS_BEFORE_MAX);
    }

    /// The destination that an output was written to; the present one if it is not known any more.
    pub fn destination_of(&self, output: &Output) -> &Destination {
        let all = std::iter::once(&self.destination).chain(&self.destinations_before);
        let mut holding = all.filter(|destination| destination.holds(output));
        holding.next().unwrap_or(&self.destination)
    }

    /// Kind `Forbidden`, code `tenant_suspended`, for a tenant that may not start anything new.
    pub fn may_submit(&self) -> Result<()> {
        match self.state {
            TenantState::Active => Ok(()),
            TenantState::Suspended => {
                let text = "the tenant is suspended and may not start new work; ask the operator";
                Err(Error::new(Kind::Forbidden, "tenant_suspended", text))
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    Active,
    /// Reads still work and running tasks finish; nothing new may start.
    Suspended,
}
