//! Reading batches and their results.

use futures::StreamExt as _;
use futures::stream;

use super::Batches;
use crate::base::error::{Kind, Result};
use crate::base::id::{BatchId, TenantId};
use crate::domain::batch::{Batch, BatchLine};
use crate::domain::task::Task;
use crate::port::errors::no_such_batch;

/// Tasks of a chunk that are read at once.
const READS_AT_ONCE: usize = 8;

impl Batches {
    /// Kind `NotFound` for foreign, unknown and expired ids alike.
    pub async fn get(&self, tenant: &TenantId, id: &BatchId) -> Result<Batch> {
        let batch = self.context.batches().batch(tenant, id).await?;
        if batch.kept_until <= self.context.now() {
            return Err(no_such_batch(id));
        }
        Ok(batch)
    }

    /// Newest first; only those older than `before` if given.
    pub async fn list(
        &self,
        tenant: &TenantId,
        before: Option<&BatchId>,
        limit: usize,
    ) -> Result<Vec<Batch>> {
        let now = self.context.now();
        let mut batches = self
            .context
            .batches()
            .list_batches(tenant, before, limit)
            .await?;
        batches.retain(|batch| batch.kept_until > now);
        Ok(batches)
    }

    /// The next lines after this one, each with its task if it has one: some, or none at the end of
    /// the batch.
    pub async fn lines(&self, batch: &Batch, after: u32) -> Result<Vec<(BatchLine, Option<Task>)>> {
        let store = self.context.batches();
        let chunk = store.chunk_after(&batch.tenant, &batch.id, after).await?;
        let lines = chunk.map(|chunk| chunk.lines).unwrap_or_default();
        let lines = lines.into_iter().filter(|line| line.line > after);
        let reads: Vec<_> = lines.map(|line| self.with_task(batch, line)).collect();
        let read: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).collect().await;
        read.into_iter().collect()
    }

    async fn with_task(&self, batch: &Batch, line: BatchLine) -> Result<(BatchLine, Option<Task>)> {
        let Some(id) = line.result.task() else {
            return Ok((line, None));
        };
        let task = match self.context.tasks().get_eventual(&batch.tenant, id).await {
            Err(error) if error.kind == Kind::NotFound => None,
            found => Some(found?),
        };
        Ok((line, task))
    }
}
