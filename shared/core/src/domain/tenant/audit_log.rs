//! The audit log: what operators changed, and who they were. Append-only.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::id::{AuditId, TenantId};
use crate::base::time::Timestamp;

/// The author of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

/// Maximum length; an IAM ARN has at most 2,048 bytes.
const ACTOR_BYTES_MAX: usize = 2_048;

impl Actor {
    /// An IAM ARN, or a name for how the change was made. Long names are truncated.
    pub fn new(name: &str) -> Self {
        Self(name[..name.floor_char_boundary(ACTOR_BYTES_MAX)].to_owned())
    }

    /// The holder of an admin token, by the token's name.
    pub fn admin(token: &str) -> Self {
        Self::new(&format!("admin:{token}"))
    }

    /// Anybody with write access to the data folder.
    pub fn cli() -> Self {
        Self::new("cli")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
    #[serde(rename = "personal_data.erased")]
    PersonalDataErased,
    #[serde(rename = "prices.changed")]
    PricesChanged,
    #[serde(rename = "account.topped_up")]
    AccountToppedUp,
    #[serde(rename = "account.credited")]
    AccountCredited,
    #[serde(rename = "account.debited")]
    AccountDebited,
    #[serde(rename = "task.refunded")]
    TaskRefunded,
    #[serde(rename = "top_up.voided")]
    TopUpVoided,
    #[serde(rename = "budget.changed")]
    BudgetChanged,
    #[serde(rename = "alerts.changed")]
    AlertsChanged,
    /// Of the callbacks of `?webhook=`.
    #[serde(rename = "webhook_secret.rotated")]
    WebhookSecretRotated,
    #[serde(rename = "encryption.key_added")]
    EncryptionKeyAdded,
    #[serde(rename = "encryption.keys_retired")]
    EncryptionKeysRetired,
    /// Of the keys that links are signed with.
    #[serde(rename = "capability.key_added")]
    CapabilityKeyAdded,
    #[serde(rename = "capability.keys_retired")]
    CapabilityKeysRetired,
    #[serde(rename = "endpoint.changed")]
    EndpointChanged,
    #[serde(rename = "delivery.changed")]
    DeliveryChanged,
    #[serde(rename = "key.created")]
    KeyCreated,
    #[serde(rename = "key.revoked")]
    KeyRevoked,
    #[serde(rename = "key.rotated")]
    KeyRotated,
    /// Of API keys.
    #[serde(rename = "signing_key.rotated")]
    SigningKeyRotated,
    #[serde(rename = "admin_token.created")]
    AdminTokenCreated,
    #[serde(rename = "admin_token.rotated")]
    AdminTokenRotated,
    #[serde(rename = "admin_token.revoked")]
    AdminTokenRevoked,
    #[serde(rename = "task.changed")]
    TaskChanged,
    #[serde(rename = "dead_letters.redriven")]
    DeadLettersRedriven,
    #[serde(rename = "restoration.started")]
    RestorationStarted,
    #[serde(rename = "restoration.done")]
    RestorationDone,
    #[serde(rename = "dead_letters.deleted")]
    DeadLettersDeleted,
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
    /// A short JSON object with the new state. Contains no secrets.
    pub detail: Value,
}
