//! Which addresses Fluxgate may connect to, and for what.

use async_trait::async_trait;
use url::Url;

use crate::base::error::Result;
use crate::base::id::TenantId;

/// What a URL is used for. An address allowed for one purpose is not necessarily allowed for
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A tenant's endpoint, or a task's callback.
    Callback,
    /// A picture in a request's inputs, which the provider fetches.
    Input,
    /// A run's output, as named by the provider.
    Output,
    /// The documents of a token issuer.
    KeySet,
    /// The S3-compatible store of a destination.
    Store,
}

/// Checks whether a URL could ever be reached, before anything is spent on it. The same rules are
/// applied again when connecting.
#[async_trait]
pub trait AddressGuard: Send + Sync {
    /// Checks what can be checked without IO: the scheme, the port, and a literal address.
    ///
    /// Fails with kind `Invalid`.
    fn admit(&self, purpose: Purpose, url: &Url) -> Result<()>;

    /// As [`Self::admit`], and also fails with kind `Invalid` if any address that the name resolves
    /// to is forbidden. A name that does not resolve within moments is accepted, since it may
    /// resolve later. Lookups count against the tenant: one with many unresponsive names delays its
    /// own checks, but no other tenant's.
    async fn check(&self, tenant: &TenantId, purpose: Purpose, url: &Url) -> Result<()>;
}
