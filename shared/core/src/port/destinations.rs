//! What stands behind the tenants' destinations, before anything is written there.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::tenant::Destination;

/// One thing that must be so before outputs can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationCheck {
    /// Stable, snake case.
    pub name: &'static str,
    pub passed: bool,
    /// What was seen and, when it did not pass, what to do.
    pub text: String,
}

#[async_trait]
pub trait Destinations: Send + Sync {
    /// Makes the bucket where the installation keeps the buckets itself; does nothing elsewhere.
    /// Twice is as once.
    async fn prepare(&self, destination: &Destination) -> Result<()>;

    /// Looks whether the destination can be used as it is now, and by this tenant alone. Writes
    /// nothing.
    async fn probe(
        &self,
        tenant: &TenantId,
        destination: &Destination,
    ) -> Result<Vec<DestinationCheck>>;
}
