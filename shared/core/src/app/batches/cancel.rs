//! Cancelling a batch.

use super::Batches;
use crate::app::open_batches::admitting;
use crate::base::error::{Reason, Result};
use crate::base::id::{BatchId, TenantId};
use crate::domain::batch::Batch;
use crate::port::errors::batch_changed;

/// How often the change is made again while the batch's own job is in the way.
const TRIES: usize = 10;

impl Batches {
    /// Admits no more lines; a new job cancels the tasks that no run was started for. A batch that
    /// was cancelled or has ended stays as it is.
    ///
    /// Kind `NotFound` for foreign, unknown and expired ids alike.
    pub async fn cancel(&self, tenant: &TenantId, id: &BatchId) -> Result<Batch> {
        for _ in 0..TRIES {
            let mut batch = self.get(tenant, id).await?;
            if batch.cancelled_at.is_some() || batch.ended_at.is_some() {
                return Ok(batch);
            }
            batch.cancelled_at = Some(self.context.now());
            batch.waiting = None;
            batch.job += 1;
            batch.version += 1;
            self.send_job(&batch).await?;
            match self.context.batches().update_batch(&batch, None).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| batch),
            }
        }
        Err(batch_changed())
    }

    /// Cancels all of a tenant's that have not ended, or only counts them. Returns how many.
    pub(crate) async fn cancel_all(&self, tenant: &TenantId, dry_run: bool) -> Result<usize> {
        let found = admitting(&self.context, tenant).await?;
        if !dry_run {
            for batch in &found {
                self.cancel(tenant, &batch.id).await?;
            }
        }
        Ok(found.len())
    }
}
