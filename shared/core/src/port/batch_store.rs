//! Batches and their lines.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{BatchId, IdempotencyKey, TenantId};
use crate::base::seal::StoredText;
use crate::base::time::Timestamp;
use crate::domain::batch::{Batch, BatchChunk};

/// The result of a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchCreated {
    New,
    /// The key belongs to this batch.
    Existing(Box<Batch>),
}

/// A batch is its record and its chunks. A chunk has the results of up to
/// [`BatchChunk::LINES_MAX`] lines and, while one of them waits, their text.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// Writes lines of a batch that is not created yet: nobody sees them until it is, and they go
    /// at that time in any case. The texts are the lines in the chunk's order, one on each line,
    /// sealed.
    async fn put_lines(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        chunk: &BatchChunk,
        texts: &StoredText,
        removed_at: Timestamp,
    ) -> Result<()>;

    /// Creates the batch, whose lines are written; durable when it returns. `Existing`, and nothing
    /// is written, if its key belongs to a batch of the tenant. Kind `Busy` with code
    /// `too_many_batches`, and nothing is written, if that many of the tenant's have not ended:
    /// under concurrent creations there are never more.
    async fn create_batch(&self, batch: &Batch, unfinished_max: u32) -> Result<BatchCreated>;

    /// Kind `NotFound` for an id that does not exist or belongs to another tenant.
    async fn batch(&self, tenant: &TenantId, id: &BatchId) -> Result<Batch>;

    /// The batch that a key belongs to.
    async fn batch_of_key(&self, tenant: &TenantId, key: &IdempotencyKey) -> Result<Option<Batch>>;

    /// The tenant's batches, newest first; only those older than `before` if given.
    async fn list_batches(
        &self,
        tenant: &TenantId,
        before: Option<&BatchId>,
        limit: usize,
    ) -> Result<Vec<Batch>>;

    /// The first chunk that has a line after this one.
    async fn chunk_after(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        line: u32,
    ) -> Result<Option<BatchChunk>>;

    /// The texts of the chunk that ends with this line; `None` once no line of it waits.
    async fn texts(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        last: u32,
    ) -> Result<Option<StoredText>>;

    /// Replaces the record and, with it, one of its chunks. The texts of a chunk go when none of
    /// its lines waits. Kind `Conflict` with reason `VersionMoved`, and nothing is written, unless
    /// the stored version is one below the given one. A batch that has ended is not updated again.
    async fn update_batch(&self, batch: &Batch, chunk: Option<&BatchChunk>) -> Result<()>;

    /// As `update_batch`, for less than was stored, also of a batch that has ended: what is
    /// replaced is not left in the store's files. If the record has no key any more, `key_before`
    /// is free.
    async fn erase_in_batch(
        &self,
        batch: &Batch,
        chunk: Option<&BatchChunk>,
        key_before: Option<&str>,
    ) -> Result<()>;

    /// Replaces the texts of the chunk that ends with this line, unless they are gone.
    async fn replace_texts(&self, batch: &Batch, last: u32, texts: &StoredText) -> Result<()>;

    /// Removes the texts of all lines of the batch; what became of the lines stays.
    async fn remove_texts(&self, tenant: &TenantId, batch: &BatchId) -> Result<()>;

    /// Removes the lines of a batch that was not created.
    async fn discard_lines(&self, tenant: &TenantId, batch: &BatchId) -> Result<()>;

    /// Removes every batch of the tenant.
    async fn remove_batches(&self, tenant: &TenantId) -> Result<()>;

    /// Removes up to `limit` batches and chunks that expired before this moment, and returns how
    /// many there were. An adapter may remove them by itself, and return 0.
    async fn expire_batches(&self, now: Timestamp, limit: usize) -> Result<usize>;
}
