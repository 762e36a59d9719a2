//! Whether the store was restored from a backup and nobody has seen to what it does not know: the
//! runs that were sent to the provider since. A store that was restored for a drill is not to be
//! seen to before somebody ends that.

use async_trait::async_trait;

use crate::base::error::Result;

/// A store that is seen to before anybody may open it awaits nothing, which is what the methods do
/// by themselves.
#[async_trait]
pub trait RestorationStore: Send + Sync {
    /// False if this process has no reason to ask [`Self::check_restored`].
    fn may_await_restoration(&self) -> bool {
        false
    }

    /// Kind `Unavailable` with reason `RestorationNeeded`, or `Drill`, from the moment at which the
    /// store is known to be restored until [`Self::restoration_done`], by whichever process.
    async fn check_restored(&self) -> Result<()> {
        Ok(())
    }

    /// Everything was seen to, durably.
    async fn restoration_done(&self) -> Result<()> {
        Ok(())
    }
}
