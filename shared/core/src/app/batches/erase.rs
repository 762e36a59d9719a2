//! Erases the tenant's own words from batches: its names for lines, what refusals quote, its keys.
//! Numbers, states and codes of lines stay until the batch expires.

use futures::{TryStreamExt as _, stream};

use super::Batches;
use crate::base::error::{Kind, Reason, Result};
use crate::base::id::{BatchId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::batch::{Batch, BatchChunk};
use crate::domain::task::Task;
use crate::port::errors::batch_changed;

/// Batches read at once, and looked through at once for one task.
const PAGE_BATCHES: usize = 100;
const AT_ONCE: usize = 8;
/// How often one write is made again while the batch's own job is in the way.
const TRIES: usize = 10;
/// By how much the clocks of a batch and of its tasks may differ.
const SKEW_MS: u64 = 60_000;

impl Batches {
    /// Of those that were made before `began`, newest first, only older ones than `before` if
    /// given, until that moment. Returns the batch behind which to go on, if any is left.
    pub(crate) async fn erase_all(
        &self,
        tenant: &TenantId,
        began: Timestamp,
        mut before: Option<BatchId>,
        until: Timestamp,
    ) -> Result<Option<BatchId>> {
        loop {
            let store = self.context.batches();
            let page = store.list_batches(tenant, before.as_ref(), PAGE_BATCHES);
            let page = page.await?;
            let is_last = page.len() < PAGE_BATCHES;
            for batch in page {
                let id = batch.id.clone();
                if batch.created_at < began {
                    self.erase(batch).await?;
                }
                before = Some(id);
                if self.context.now() >= until {
                    return Ok(before);
                }
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    /// The names of the lines that became this task, whose own record does not know them: of
    /// batches older than `before` if given, newest first, until that moment. Returns the batch
    /// behind which to go on, if any may be left.
    pub(crate) async fn erase_references(
        &self,
        task: &Task,
        mut before: Option<BatchId>,
        until: Timestamp,
    ) -> Result<Option<BatchId>> {
        loop {
            let store = self.context.batches();
            let page = store.list_batches(&task.tenant, before.as_ref(), PAGE_BATCHES);
            let page = page.await?;
            for some in page.chunks(AT_ONCE) {
                let some_with = some.iter().filter(|batch| self.may_have(batch, task));
                stream::iter(some_with.map(Ok))
                    .try_for_each_concurrent(AT_ONCE, |batch| {
                        self.erase_lines(batch.clone(), |chunk| {
                            chunk.without_reference_to(&task.id)
                        })
                    })
                    .await?;
                before = some.last().map(|last| last.id.clone());
                if self.context.now() >= until {
                    return Ok(before);
                }
            }
            if page.len() < PAGE_BATCHES {
                return Ok(None);
            }
        }
    }

    /// A line with a key may name a task that is older than its batch, while the key is kept.
    fn may_have(&self, batch: &Batch, task: &Task) -> bool {
        let bounds = &self.context.bounds;
        let last = task.created_at.plus_ms(bounds.idempotency_kept_ms);
        let has_ended = batch
            .ended_at
            .is_some_and(|at| at.plus_ms(SKEW_MS) < task.created_at);
        batch.created_at < last.plus_ms(SKEW_MS) && !has_ended && batch.admitted > 0
    }

    /// The record first: from then on whoever works on the batch leaves the words out.
    async fn erase(&self, batch: Batch) -> Result<()> {
        let is_erased = |batch: &Batch| batch.erased && batch.key.is_none();
        let mut current = Some(batch);
        for _ in 0..TRIES {
            let Some(batch) = current.take() else {
                return Ok(());
            };
            if is_erased(&batch) {
                return self.erase_lines(batch, BatchChunk::erased).await;
            }
            let (store, erased) = (self.context.batches(), batch.erased());
            let key = batch.key.as_deref();
            let written = store.erase_in_batch(&erased, None, key).await;
            current = self.written(erased, written).await?;
        }
        Err(batch_changed())
    }

    /// Chunk by chunk, each read and written again where somebody else was first.
    async fn erase_lines(
        &self,
        mut batch: Batch,
        erased: impl Fn(&BatchChunk) -> BatchChunk,
    ) -> Result<()> {
        let (mut line, mut tries) = (0, 0);
        while tries < TRIES {
            let store = self.context.batches();
            let found = store.chunk_after(&batch.tenant, &batch.id, line).await?;
            let Some(before) = found else { return Ok(()) };
            let after = erased(&before);
            if after == before {
                (line, tries) = (before.last(), 0);
                continue;
            }
            let mut next = batch;
            next.version += 1;
            let written = store.erase_in_batch(&next, Some(&after), None).await;
            match self.written(next, written).await? {
                Some(now) => batch = now,
                None => return Ok(()),
            }
            tries += 1;
        }
        Err(batch_changed())
    }

    /// The batch as it is stored after a write, or after whoever was first. `None` if it is gone.
    async fn written(&self, next: Batch, written: Result<()>) -> Result<Option<Batch>> {
        match written {
            Ok(()) => Ok(Some(next)),
            Err(error) if error.is(Reason::VersionMoved) => {
                match self.context.batches().batch(&next.tenant, &next.id).await {
                    Err(error) if error.kind == Kind::NotFound => Ok(None),
                    found => found.map(Some),
                }
            }
            Err(error) => Err(error),
        }
    }
}
