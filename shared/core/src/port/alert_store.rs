//! What tenants are told of their money, and were told.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::money::{Account, Alerts};
use crate::domain::tenant::AuditEntry;

#[async_trait]
pub trait AlertStore: Send + Sync {
    /// The account and what was told of it; both may be a moment late.
    async fn alerts_eventual(&self, tenant: &TenantId) -> Result<(Account, Alerts)>;

    /// The defaults where nothing was ever set or told.
    async fn alerts_of(&self, tenant: &TenantId) -> Result<Alerts>;

    /// Replaces them, with the audit entry of a change of terms, in one transaction; durable when
    /// it returns. Kind `Conflict` with reason `VersionMoved`, and nothing is written, unless the
    /// stored version is one below the given one.
    async fn replace_alerts(
        &self,
        tenant: &TenantId,
        alerts: &Alerts,
        entry: Option<&AuditEntry>,
    ) -> Result<()>;
}
