//! Reading outputs back from tenants' buckets.

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::task::Output;
use crate::domain::tenant::Destination;

#[async_trait]
pub trait ObjectReader: Send + Sync {
    /// The whole object, within this time. Kind `TooLarge` if it has more bytes than its output
    /// had, kind `Unavailable` if it cannot be read.
    async fn read(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
        timeout_ms: u64,
    ) -> Result<Bytes>;
}
