//! The fair queue for the provider's account, one per installation.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::domain::fair_queue::{FairQueue, FairQueueAnswer, FairQueueRequest};

#[async_trait]
pub trait FairQueueStore: Send + Sync {
    /// Answers from the current state of the queue, initially empty, and writes what the answer
    /// changes: atomically, and durable when it returns.
    ///
    /// Kind `Unavailable` under too much contention, and when the store does not answer: then the
    /// question may or may not have been processed.
    async fn ask(&self, request: &FairQueueRequest) -> Result<FairQueueAnswer>;

    /// The queue as it is, to be shown; may be slightly stale.
    async fn read_fair_queue(&self) -> Result<FairQueue>;
}
