//! Removes what has been kept long enough.

use super::Sweeper;
use crate::base::error::Result;

/// Removed by one write: others wait no longer for it than for a page of theirs.
const PAGE: usize = 200;

impl Sweeper {
    /// Removes batches, and lines of batches, that have been kept as long as the bounds say.
    pub async fn expire_batches(&self) -> Result<usize> {
        let mut removed = 0;
        loop {
            let (store, now) = (self.context.batches(), self.context.now());
            let page = store.expire_batches(now, PAGE).await?;
            removed += page;
            if page == 0 {
                return Ok(removed);
            }
        }
    }

    /// Removes deliveries that have been kept as long as the bounds say. Returns how many there
    /// were.
    pub async fn expire_deliveries(&self) -> Result<usize> {
        let before = self
            .context
            .now()
            .minus_ms(self.context.bounds.relay.deliveries_kept_ms);
        let mut removed = 0;
        loop {
            let page = self.context.deliveries().expire(before, PAGE).await?;
            removed += page;
            if page < PAGE {
                return Ok(removed);
            }
        }
    }

    /// Removes the inputs of tasks that did not complete, once they can no longer be retried.
    /// Returns how many there were.
    pub async fn expire_inputs(&self) -> Result<usize> {
        let now = self.context.now();
        let mut removed = 0;
        loop {
            let page = self.context.tasks().expire_inputs(now, PAGE).await?;
            removed += page;
            if page < PAGE {
                return Ok(removed);
            }
        }
    }
}
