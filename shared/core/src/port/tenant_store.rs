//! Tenants, and the log of who changed them.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{AuditId, TenantId};
use crate::domain::tenant::{AuditEntry, Tenant, Trust};

/// A tenant, its trusts and the entry that tells of the change are written in one transaction;
/// durable when it returns.
#[async_trait]
pub trait TenantStore: Send + Sync {
    /// Kind `Conflict`, and nothing is written: with code `tenant_exists` when there is one of that
    /// id already, with code `issuer_ambiguous` as [`Trust::check_ambiguity`] says, however many
    /// tenants are made and changed at once.
    async fn create(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()>;

    /// Replaces the tenant; from then on it is found by its new issuers, and by no others. Kind
    /// `Conflict` with code `version_conflict`, and nothing is written, unless the stored version
    /// is one below the given one; with code `issuer_ambiguous` as in `create`; kind `NotFound`
    /// when there is none.
    async fn update(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()>;

    /// Removes the tenant and its trusts. Its tasks, its account and its ledger stay. Kinds
    /// `Conflict` and `NotFound` as in `update`, where `version` is the stored one.
    async fn delete(&self, id: &TenantId, version: u64, entry: &AuditEntry) -> Result<()>;

    /// Kind `NotFound` when there is none. May be a moment late about changes, never about whether
    /// there is such a tenant.
    async fn get_eventual(&self, id: &TenantId) -> Result<Tenant>;

    /// The tenant as the last change left it. Kind `NotFound` when there is none.
    async fn get(&self, id: &TenantId) -> Result<Tenant>;

    /// All tenants by id.
    async fn list(&self) -> Result<Vec<Tenant>>;

    /// The ids of all tenants in order, also of those whose record cannot be read.
    async fn ids(&self) -> Result<Vec<TenantId>>;

    /// Which tenants trust this issuer, and how. A trust that cannot be read is passed over, and
    /// said in the log.
    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>>;

    /// Adds an entry about something that changes no tenant.
    async fn record(&self, entry: &AuditEntry) -> Result<()>;

    /// The audit log, newest first, older than `before` when given.
    async fn audit_log(&self, before: Option<&AuditId>, limit: usize) -> Result<Vec<AuditEntry>>;
}
