//! Cursors of usage exports.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::metering::usage::UsageCursor;

/// An export of a tenant's usage that was begun and not forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunExport {
    /// Where it goes to, as its sink names it.
    pub place: String,
    pub cursor: UsageCursor,
}

#[async_trait]
pub trait UsageCursors: Send + Sync {
    /// The cursor of the export of the tenant's usage to this place; at the beginning if none was
    /// saved.
    async fn cursor(&self, place: &str, tenant: &TenantId) -> Result<UsageCursor>;

    /// The tenant's exports to every place.
    async fn cursors(&self, tenant: &TenantId) -> Result<Vec<BegunExport>>;

    /// Replaces the cursor; durable when it returns. Kind `Conflict` with code `version_conflict`,
    /// and nothing is written, unless the stored version is one below the given one.
    async fn save_cursor(&self, place: &str, tenant: &TenantId, cursor: &UsageCursor)
    -> Result<()>;

    /// Forgets the cursor, if there is one: it is at the beginning again.
    async fn forget_cursor(&self, place: &str, tenant: &TenantId) -> Result<()>;
}
