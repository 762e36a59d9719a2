//! The line for the provider's account, one for the whole installation.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::domain::fair_queue::{FairQueueAnswer, FairQueueRequest};

#[async_trait]
pub trait FairQueueStore: Send + Sync {
    /// Answers by the line as it stands, empty at first, and writes what the answer changes:
    /// nobody's question comes in between, and the change is durable when it returns.
    ///
    /// Kind `Unavailable` when others do not let up, and when the store gives no answer: then the
    /// question may have been answered.
    async fn ask(&self, request: &FairQueueRequest) -> Result<FairQueueAnswer>;
}
