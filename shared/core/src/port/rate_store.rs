//! Buckets of requests that several processes share, one per tenant with a limit of its own.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::rate::{Rate, TokenBucket};
use crate::base::time::Timestamp;

/// How many tokens are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRequest {
    pub rate: Rate,
    /// At least one, and no more than the burst.
    pub tokens: u32,
    pub now: Timestamp,
    /// The bucket as the caller saw it last. It may be stale; a good guess spares a write.
    pub seen: TokenBucket,
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokensTaken {
    /// As many as were wanted, or as there were; 0 if there was none.
    pub tokens: u32,
    /// The bucket without them. Others may have taken more meanwhile.
    pub bucket: TokenBucket,
}

#[async_trait]
pub trait RateStore: Send + Sync {
    /// Takes tokens from the tenant's bucket, which is full if nobody used it for long. However
    /// many take at once, all together get no more than the rate and its burst allow.
    ///
    /// A bucket that a clock far ahead of this one has emptied is empty at worst: it fills again by
    /// the rate.
    ///
    /// Kind `Unavailable` if the store does not answer soon; then tokens may be lost.
    async fn take_tokens(&self, tenant: &TenantId, wanted: TokenRequest) -> Result<TokensTaken>;
}
