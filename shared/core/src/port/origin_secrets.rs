//! What proves that a request came by the installation's own front.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::secret::Secret;

#[async_trait]
pub trait OriginSecrets: Send + Sync {
    /// The value that the front sends along; while it is rotated two, with white space between
    /// them.
    async fn origin_secret(&self) -> Result<Secret>;
}
