//! Tenants, and the audit log.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::base::error::Result;
use crate::base::id::{AuditId, TenantId};
use crate::domain::tenant::{AuditEntry, FittingTrusts, Tenant, Trust};

/// A tenant, its trusts and the audit entry of the change are written in one transaction; durable
/// when it returns.
#[async_trait]
pub trait TenantStore: Send + Sync {
    /// Kind `Conflict`, and nothing is written: with code `tenant_exists` if the id is taken, with
    /// code `issuer_ambiguous` as [`Trust::check_ambiguity`] says, even if tenants are created and
    /// changed concurrently.
    async fn create(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()>;

    /// Replaces the tenant; from then on it is found by its new issuers only. Kind `Conflict` with
    /// code `version_conflict`, and nothing is written, unless the stored version is one below the
    /// given one; with code `issuer_ambiguous` as in `create`; kind `NotFound` if it does not
    /// exist.
    async fn update(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()>;

    /// Replaces the tenant by one whose secrets are sealed with another key, without an entry of
    /// the audit log; the trusts are the same. Kinds `Conflict` and `NotFound` as in `update`.
    async fn reseal(&self, tenant: &Tenant) -> Result<()>;

    /// Removes the tenant and its trusts. Its tasks, account and ledger stay. Kinds `Conflict` and
    /// `NotFound` as in `update`, where `version` is the stored version.
    async fn delete(&self, id: &TenantId, version: u64, entry: &AuditEntry) -> Result<()>;

    /// Kind `NotFound` if it does not exist. May be slightly stale about changes, but never about
    /// whether the tenant exists. Shared, because it is read for every request.
    async fn get_eventual(&self, id: &TenantId) -> Result<Arc<Tenant>>;

    /// The tenant, read consistently. Kind `NotFound` if it does not exist.
    async fn get(&self, id: &TenantId) -> Result<Tenant>;

    /// All tenants, ordered by id.
    async fn list(&self) -> Result<Vec<Tenant>>;

    /// The ids of all tenants in order, including those whose record cannot be read.
    async fn ids(&self) -> Result<Vec<TenantId>>;

    /// The tenants that trust this issuer, with their trusts. A trust that cannot be read is
    /// skipped and logged. May be slightly stale, but never about whether anybody trusts it.
    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>>;

    /// Of these the trusts that a token's claims fit, whatever the number of the others. A change
    /// counts from its write on, except that a trust which was taken away may still be found: its
    /// tenant's record says so.
    async fn fitting(&self, issuer: &str, claims: &Map<String, Value>) -> Result<FittingTrusts>;

    /// Adds an audit entry for something that changes no tenant.
    async fn record(&self, entry: &AuditEntry) -> Result<()>;

    /// The audit log, newest first; only entries older than `before` if given.
    async fn audit_log(&self, before: Option<&AuditId>, limit: usize) -> Result<Vec<AuditEntry>>;
}
