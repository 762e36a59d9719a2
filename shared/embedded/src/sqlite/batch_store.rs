//! Batches and their lines.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::batch::{Batch, BatchChunk};
use fluxgate_core::id::{BatchId, IdempotencyKey, TenantId};
use fluxgate_core::port::errors::{batch_changed, no_such_batch, too_many_batches};
use fluxgate_core::port::{BatchCreated, BatchStore};
use fluxgate_core::seal::StoredText;
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::erasing::erasing;
use super::error::{database, parsed, unwritable};
use super::reports::rows;
use super::writer::Bulk;
use super::{SqliteStore, stored_text};

#[async_trait]
impl BatchStore for SqliteStore {
    async fn put_lines(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        chunk: &BatchChunk,
        texts: &StoredText,
        removed_at: Timestamp,
    ) -> Result<()> {
        let body = serde_json::to_string(chunk).map_err(unwritable)?;
        let (tenant, batch, last) = (tenant.clone(), batch.clone(), chunk.last());
        let texts = texts.to_owned();
        let bulk = Bulk::of(&tenant, body.len() + texts.len());
        self.write_bulk(bulk, move |write| {
            let (tenant, batch) = (tenant.as_str(), batch.as_str());
            write
                .connection
                .execute(
                    "INSERT INTO batch_chunks (tenant, batch, last, removed_at, body, texts)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        tenant,
                        batch,
                        last,
                        removed_at.0,
                        body,
                        stored_text::of(&texts)
                    ],
                )
                .map(drop)
                .map_err(database("write lines of a batch"))
        })
        .await
    }

    async fn create_batch(&self, batch: &Batch, unfinished_max: u32) -> Result<BatchCreated> {
        let batch = batch.clone();
        self.write(move |write| create(write.connection, &batch, unfinished_max))
            .await
    }

    async fn batch(&self, tenant: &TenantId, id: &BatchId) -> Result<Batch> {
        let body = self.reading().await.row(
            "SELECT body FROM batches WHERE tenant = ?1 AND id = ?2",
            params![tenant.as_str(), id.as_str()],
            |row| row.get::<_, String>(0),
        )?;
        read(&body.ok_or_else(|| no_such_batch(id))?, tenant)
    }

    async fn batch_of_key(&self, tenant: &TenantId, key: &IdempotencyKey) -> Result<Option<Batch>> {
        let body = self
            .reading()
            .await
            .row(BY_KEY, [tenant.as_str(), key.as_str()], |row| {
                row.get::<_, String>(0)
            })?;
        body.map(|body| read(&body, tenant)).transpose()
    }

    async fn list_batches(
        &self,
        tenant: &TenantId,
        before: Option<&BatchId>,
        limit: usize,
    ) -> Result<Vec<Batch>> {
        // '~' sorts after every character of an id.
        let before = before.map_or("~", BatchId::as_str);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (tenant, before) = (tenant.clone(), before.to_owned());
        self.report(move |connection| {
            let bodies = rows(
                connection,
                "SELECT body FROM batches WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                params![tenant.as_str(), before, limit],
                |row| row.get::<_, String>(0),
            )?;
            bodies.iter().map(|body| read(body, &tenant)).collect()
        })
        .await
    }

    async fn chunk_after(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        line: u32,
    ) -> Result<Option<BatchChunk>> {
        let body = self.reading().await.row(
            "SELECT body FROM batch_chunks WHERE tenant = ?1 AND batch = ?2 AND last > ?3
             ORDER BY last LIMIT 1",
            params![tenant.as_str(), batch.as_str(), line],
            |row| row.get::<_, String>(0),
        )?;
        let what = format_args!("lines of batch '{batch}' of tenant '{tenant}'");
        body.map(|body| parsed(&body, what)).transpose()
    }

    async fn texts(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        last: u32,
    ) -> Result<Option<StoredText>> {
        let texts = self.reading().await.row(
            "SELECT texts FROM batch_chunks WHERE tenant = ?1 AND batch = ?2 AND last = ?3",
            params![tenant.as_str(), batch.as_str(), last],
            |row| stored_text::optional(row, 0),
        )?;
        Ok(texts.flatten())
    }

    async fn update_batch(&self, batch: &Batch, chunk: Option<&BatchChunk>) -> Result<()> {
        let (batch, chunk) = (batch.clone(), chunk.cloned());
        self.write_soon(move |write| {
            update(write.connection, &batch)?;
            chunk.as_ref().map_or(Ok(()), |chunk| {
                update_chunk(write.connection, &batch, chunk)
            })
        })
        .await
    }

    async fn erase_in_batch(
        &self,
        batch: &Batch,
        chunk: Option<&BatchChunk>,
        _key_before: Option<&str>,
    ) -> Result<()> {
        let (batch, chunk) = (batch.clone(), chunk.cloned());
        self.write(move |write| {
            erasing(write.connection, |connection| {
                update(connection, &batch)?;
                update_key(connection, &batch)?;
                chunk
                    .as_ref()
                    .map_or(Ok(()), |chunk| update_chunk(connection, &batch, chunk))
            })
        })
        .await
    }

    async fn replace_texts(&self, batch: &Batch, last: u32, texts: &StoredText) -> Result<()> {
        let (tenant, batch, texts) = (batch.tenant.clone(), batch.id.clone(), texts.clone());
        self.write_soon(move |write| {
            write
                .connection
                .execute(
                    "UPDATE batch_chunks SET texts = ?4
                     WHERE tenant = ?1 AND batch = ?2 AND last = ?3 AND texts IS NOT NULL",
                    params![
                        tenant.as_str(),
                        batch.as_str(),
                        last,
                        stored_text::of(&texts)
                    ],
                )
                .map(drop)
                .map_err(database("replace texts of a batch"))
        })
        .await
    }

    async fn remove_texts(&self, tenant: &TenantId, batch: &BatchId) -> Result<()> {
        let sql = "UPDATE batch_chunks SET texts = NULL WHERE rowid IN
                   (SELECT rowid FROM batch_chunks
                    WHERE tenant = ?1 AND batch = ?2 AND texts IS NOT NULL LIMIT ?3)";
        self.in_steps(sql, tenant, Some(batch)).await
    }

    async fn discard_lines(&self, tenant: &TenantId, batch: &BatchId) -> Result<()> {
        let sql = "DELETE FROM batch_chunks WHERE rowid IN
                   (SELECT rowid FROM batch_chunks
                    WHERE tenant = ?1 AND batch = ?2 LIMIT ?3)";
        self.in_steps(sql, tenant, Some(batch)).await
    }

    async fn remove_batches(&self, tenant: &TenantId) -> Result<()> {
        let records = "DELETE FROM batches WHERE rowid IN
                       (SELECT rowid FROM batches WHERE tenant = ?1 LIMIT ?3)";
        self.in_steps(records, tenant, None).await?;
        let lines = "DELETE FROM batch_chunks WHERE rowid IN
                     (SELECT rowid FROM batch_chunks WHERE tenant = ?1 LIMIT ?3)";
        self.in_steps(lines, tenant, None).await
    }

    async fn expire_batches(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.write_soon(move |write| {
            let mut removed = 0;
            for table in ["batches", "batch_chunks"] {
                let sql = format!(
                    "DELETE FROM {table} WHERE rowid IN
                     (SELECT rowid FROM {table} WHERE removed_at < ?1 LIMIT ?2)"
                );
                removed += write
                    .connection
                    .execute(&sql, params![now.0, limit])
                    .map_err(database("remove old batches"))?;
            }
            Ok(removed)
        })
        .await
    }
}

impl SqliteStore {
    /// Writes the rows of a tenant, or of one of its batches, that a statement finds, a few in each
    /// write: others are written in between.
    async fn in_steps(
        &self,
        sql: &'static str,
        tenant: &TenantId,
        batch: Option<&BatchId>,
    ) -> Result<()> {
        loop {
            let (tenant, batch) = (tenant.clone(), batch.cloned());
            let written = self.write_soon(move |write| {
                let batch = batch.as_ref().map(BatchId::as_str);
                let limit = i64::try_from(STEP_ROWS).unwrap_or(i64::MAX);
                write
                    .connection
                    .execute(sql, params![tenant.as_str(), batch, limit])
                    .map_err(database("remove what batches have"))
            });
            if written.await? < STEP_ROWS {
                return Ok(());
            }
        }
    }
}

/// Rows in one write that removes them. Each may have a third of a megabyte.
const STEP_ROWS: usize = 32;

const BY_KEY: &str = "SELECT body FROM batches WHERE tenant = ?1 AND idempotency_key = ?2";

fn read(body: &str, tenant: &TenantId) -> Result<Batch> {
    parsed(body, format_args!("batch of tenant '{tenant}'"))
}

fn create(connection: &Connection, batch: &Batch, unfinished_max: u32) -> Result<BatchCreated> {
    let tenant = batch.tenant.as_str();
    if let Some(key) = &batch.key {
        let existing = connection
            .query_row(BY_KEY, params![tenant, key], |row| row.get::<_, String>(0))
            .optional()
            .map_err(database("read a batch"))?;
        if let Some(body) = existing {
            let existing = read(&body, &batch.tenant)?;
            return Ok(BatchCreated::Existing(Box::new(existing)));
        }
    }
    let body = serde_json::to_string(batch).map_err(unwritable)?;
    let (id, key, removed_at) = (
        batch.id.as_str(),
        &batch.key,
        Batch::removed_at(batch.kept_until).0,
    );
    let created = connection
        .execute(
            "INSERT INTO batches
                 (tenant, id, version, unfinished, idempotency_key, removed_at, body)
             SELECT ?1, ?2, ?3, 1, ?4, ?5, ?6
             WHERE (SELECT count(*) FROM batches WHERE tenant = ?1 AND unfinished = 1) < ?7",
            params![
                tenant,
                id,
                version(batch),
                key,
                removed_at,
                body,
                unfinished_max
            ],
        )
        .map_err(database("write a batch"))?;
    if created == 1 {
        Ok(BatchCreated::New)
    } else {
        Err(too_many_batches(unfinished_max))
    }
}

fn update(connection: &Connection, batch: &Batch) -> Result<()> {
    let body = serde_json::to_string(batch).map_err(unwritable)?;
    let (tenant, id) = (batch.tenant.as_str(), batch.id.as_str());
    let changed = connection
        .prepare_cached(
            "UPDATE batches SET version = ?3, unfinished = ?4, body = ?5
             WHERE tenant = ?1 AND id = ?2 AND version = ?3 - 1",
        )
        .and_then(|mut statement| {
            let unfinished = batch.ended_at.is_none();
            statement.execute(params![tenant, id, version(batch), unfinished, body])
        })
        .map_err(database("write a batch"))?;
    if changed == 1 {
        return Ok(());
    }
    Err(batch_changed())
}

fn update_key(connection: &Connection, batch: &Batch) -> Result<()> {
    let (tenant, id) = (batch.tenant.as_str(), batch.id.as_str());
    connection
        .execute(
            "UPDATE batches SET idempotency_key = ?3 WHERE tenant = ?1 AND id = ?2",
            params![tenant, id, batch.key],
        )
        .map(drop)
        .map_err(database("write the key of a batch"))
}

fn update_chunk(connection: &Connection, batch: &Batch, chunk: &BatchChunk) -> Result<()> {
    let body = serde_json::to_string(chunk).map_err(unwritable)?;
    let (tenant, id) = (batch.tenant.as_str(), batch.id.as_str());
    let waits = chunk.waiting().next().is_some();
    connection
        .prepare_cached(
            "UPDATE batch_chunks SET body = ?4, texts = CASE WHEN ?5 THEN texts END
             WHERE tenant = ?1 AND batch = ?2 AND last = ?3",
        )
        .and_then(|mut statement| statement.execute(params![tenant, id, chunk.last(), body, waits]))
        .map(drop)
        .map_err(database("write lines of a batch"))
}

fn version(batch: &Batch) -> i64 {
    i64::try_from(batch.version).unwrap_or(i64::MAX)
}
