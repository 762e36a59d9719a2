//! Which addresses may be spoken to, and for what.

use async_trait::async_trait;
use url::Url;

use crate::base::error::Result;
use crate::base::id::TenantId;

/// What a URL is for. An address that is allowed for one purpose is not thereby allowed for
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A tenant's endpoint, or the callback of a task.
    Callback,
    /// A picture among a request's inputs, which the provider fetches.
    Input,
    /// What a run produced, as the provider names it.
    Output,
    /// The documents of a token issuer.
    KeySet,
}

/// Says before anything is spent whether a URL could ever be reached. The same table is applied
/// again at connect time.
#[async_trait]
pub trait AddressGuard: Send + Sync {
    /// Judges what can be judged without asking anybody: the scheme, the port, and an address
    /// written out.
    ///
    /// Fails with kind `Invalid`.
    fn admit(&self, purpose: Purpose, url: &Url) -> Result<()>;

    /// The same, and fails with kind `Invalid` when any address that the name resolves to is
    /// forbidden. A name that does not resolve within moments is let through: it may later. Names
    /// are looked up at the tenant's expense: one with many names that never answer holds up its
    /// own checks and no other tenant's.
    async fn check(&self, tenant: &TenantId, purpose: Purpose, url: &Url) -> Result<()>;
}
