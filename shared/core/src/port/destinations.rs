//! Prepares and checks tenants' destinations before anything is written to them.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::task::Output;
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
    /// Creates the bucket if the installation manages buckets itself; otherwise writes nothing.
    /// Idempotent. Kind `Invalid` for a destination that this installation could never write to,
    /// such as a store at an address that it may not call.
    async fn prepare(&self, tenant: &TenantId, destination: &Destination) -> Result<()>;

    /// Checks whether the destination is usable right now, and by this tenant only. Writes a test
    /// object, reads it by a link and deletes it, where this process may do that.
    async fn probe(
        &self,
        tenant: &TenantId,
        destination: &Destination,
    ) -> Result<Vec<DestinationCheck>>;

    /// Whether it is in this installation's own S3 server, so that outputs can be removed from it.
    fn is_own(&self, destination: &Destination) -> bool;

    /// Removes an output if it lies in a bucket of this installation's own S3 server. Whether it
    /// existed makes no difference. False, and nothing is done, for a bucket of anybody else, and
    /// where that server does not run.
    async fn remove_own(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
    ) -> Result<bool>;
}
