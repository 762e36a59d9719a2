//! Which addresses may be spoken to.

use async_trait::async_trait;
use url::Url;

use crate::error::Result;

/// Says before anything is spent whether a tenant's URL could ever be reached. The same table is applied again at connect time.
#[async_trait]
pub trait AddressGuard: Send + Sync {
    /// Fails with kind `Invalid` when the URL's scheme is not http(s), or its address, or any address that its name resolves
    /// to, is forbidden. A name that does not resolve now is let through: it may later.
    async fn check(&self, url: &Url) -> Result<()>;
}
