//! The audit log: what an operator changed, and who that was. Entries are added and never changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::id::{AuditId, TenantId};
use crate::base::time::Timestamp;

/// Who changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

/// Of a name; an IAM ARN has 2,048 at most.
const ACTOR_BYTES_MAX: usize = 2_048;

impl Actor {
    /// An IAM ARN, or a name that says which way the change came. What is too long is cut.
    pub fn new(name: &str) -> Self {
        Self(name[..name.floor_char_boundary(ACTOR_BYTES_MAX)].to_owned())
    }

    /// The bearer of the installation's own admin token.
    pub fn operator() -> Self {
        Self::new("operator")
    }

    /// Whoever may write the data folder.
    pub fn cli() -> Self {
        Self::new("cli")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditAction {
    #[serde(rename = "tenant.created")]
    TenantCreated,
    #[serde(rename = "tenant.changed")]
    TenantChanged,
    #[serde(rename = "tenant.suspended")]
    TenantSuspended,
    #[serde(rename = "tenant.resumed")]
    TenantResumed,
    #[serde(rename = "tenant.deleted")]
    TenantDeleted,
    #[serde(rename = "prices.changed")]
    PricesChanged,
    #[serde(rename = "account.topped_up")]
    AccountToppedUp,
    #[serde(rename = "budget.changed")]
    BudgetChanged,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Timestamp,
    pub actor: Actor,
    pub action: AuditAction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// A short JSON object that says what it is now. It holds no secret.
    pub detail: Value,
}
