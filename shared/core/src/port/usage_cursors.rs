//! Cursors of usage exports.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::metering::usage::UsageCursor;

#[async_trait]
pub trait UsageCursors: Send + Sync {
    /// The cursor of the export of the tenant's usage to this place; at the beginning if none was
    /// saved.
    async fn cursor(&self, place: &str, tenant: &TenantId) -> Result<UsageCursor>;

    /// Replaces the cursor; durable when it returns. Kind `Conflict` with code `version_conflict`,
    /// and nothing is written, unless the stored version is one below the given one.
    async fn save_cursor(&self, place: &str, tenant: &TenantId, cursor: &UsageCursor)
    -> Result<()>;
}
