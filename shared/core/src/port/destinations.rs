//! Prepares and checks tenants' destinations before anything is written to them.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::tenant::Destination;

/// One condition for copying outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationCheck {
    /// Stable, snake case.
    pub name: &'static str,
    pub passed: bool,
    /// What was found and, if the check failed, what to do.
    pub text: String,
}

#[async_trait]
pub trait Destinations: Send + Sync {
    /// Creates the bucket if the installation manages buckets itself; otherwise does nothing.
    /// Idempotent.
    async fn prepare(&self, destination: &Destination) -> Result<()>;

    /// Checks whether the destination is usable right now, and by this tenant only. Writes nothing.
    async fn probe(
        &self,
        tenant: &TenantId,
        destination: &Destination,
    ) -> Result<Vec<DestinationCheck>>;
}
