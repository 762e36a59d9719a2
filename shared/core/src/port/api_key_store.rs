//! API keys, and the installation as their issuer.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{KeyId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::money::{MicroUsd, Month};
use crate::domain::tenant::{ApiKey, Issuer, KeysChange};

#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Writes the tenant, which lists its live keys, the records and the audit entry in one
    /// transaction; durable when it returns. Kind `Conflict` with code `version_conflict`, and
    /// nothing is written, unless the tenant's stored version is one below the given one; kind
    /// `NotFound` if the tenant does not exist.
    async fn change_keys(&self, change: &KeysChange) -> Result<()>;

    /// The records of a tenant's keys, oldest first. Those of a deleted tenant are gone.
    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>>;

    /// Kind `NotFound` for a key that does not exist or belongs to another tenant.
    async fn get_key(&self, tenant: &TenantId, id: &KeyId) -> Result<ApiKey>;

    /// Remembers the hour of a key's last use, unless a later one is known. Does nothing for a key
    /// that does not exist.
    async fn note_key_use(&self, tenant: &TenantId, id: &KeyId, hour: Timestamp) -> Result<()>;

    /// What is held and captured in the month by tasks of the keys that count by this one.
    async fn key_use(&self, tenant: &TenantId, counter: &KeyId, month: Month) -> Result<MicroUsd>;

    /// The installation as an issuer; `None` before the first key. Read consistently.
    async fn issuer(&self) -> Result<Option<Issuer>>;

    /// Replaces the issuer, or creates it at version 1. Kind `Conflict` with code
    /// `version_conflict`, and nothing is written, unless the stored version is one below.
    async fn put_issuer(&self, issuer: &Issuer) -> Result<()>;
}
