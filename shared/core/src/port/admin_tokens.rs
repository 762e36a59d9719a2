//! Admin tokens, for installations without IAM.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::secret::Secret;
use crate::domain::admin::AdminTokens;
use crate::domain::tenant::AuditEntry;

#[async_trait]
pub trait AdminTokenStore: Send + Sync {
    /// All of them; none where none was ever made.
    async fn admin_tokens(&self) -> Result<AdminTokens>;

    /// Replaces all of them and adds the audit entry in one transaction; durable when it returns.
    /// Kind `Conflict` with reason `VersionMoved`, and nothing is written, unless the stored
    /// version is one below the given one.
    async fn replace_admin_tokens(&self, tokens: &AdminTokens, entry: &AuditEntry) -> Result<()>;
}

/// The one admin token that the installation's owner can always read, from a file of its own. It
/// has every scope and does not expire.
#[async_trait]
pub trait FolderToken: Send + Sync {
    /// `None` while there is no such file.
    async fn read(&self) -> Result<Option<Secret>>;

    /// Replaces it, whole or not at all; durable when it returns.
    async fn replace(&self, token: &Secret) -> Result<()>;
}
