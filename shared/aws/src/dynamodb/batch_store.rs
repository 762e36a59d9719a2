//! Batches and their lines: the record with its tenant, the lines in partitions of their own. What
//! expires is removed by DynamoDB.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::batch::{Batch, BatchChunk};
use fluxgate_core::digest::sha256;
use fluxgate_core::id::{BatchId, IdempotencyKey, TenantId};
use fluxgate_core::port::errors::{batch_changed, no_such_batch, too_many_batches};
use fluxgate_core::port::{BatchCreated, BatchStore};
use fluxgate_core::seal::StoredText;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Result};

use super::attribute::{Item, Reader, bytes, number, text};
use super::error::contention;
use super::key::{EXPIRES_AT, Key, tenant_partition};
use super::table::{Range, Table};
use super::transact::{CallMark, MARK, WriteOutcome, is_marked};
use super::write::Write;
use super::{DynamoStore, json_item, stored_text};

const BATCH_PREFIX: &str = "BATCH#";
const LINES_PREFIX: &str = "LINES#";
const TEXTS_PREFIX: &str = "TEXTS#";
/// How many of the tenant's batches have not ended: the condition of a creation.
const UNFINISHED: &str = "unfinished";
const TEXTS: &str = "texts";
/// The batch that a key belongs to.
const BATCH: &str = "batch";
/// Attempts at a creation for which the batches are counted.
const TRIES: usize = 4;

impl Key {
    fn batch(tenant: &TenantId, id: &BatchId) -> Self {
        Self::of(tenant, format!("{BATCH_PREFIX}{id}"))
    }

    /// Its sort key is outside the range of the batches.
    fn batches(tenant: &TenantId) -> Self {
        Self::of(tenant, "BATCHES")
    }

    fn batch_key(tenant: &TenantId, key: &str) -> Self {
        let digest = hex::encode(sha256(key.as_bytes()));
        Self::of(tenant, format!("BATCHKEY#{digest}"))
    }

    /// The results of a chunk's lines.
    fn chunk(tenant: &TenantId, batch: &BatchId, last: u32) -> Self {
        Self {
            pk: chunk_partition(tenant, batch),
            sk: lines_key(last),
        }
    }

    /// The texts of a chunk's lines, apart because they are large and read once.
    fn texts(tenant: &TenantId, batch: &BatchId, last: u32) -> Self {
        Self {
            pk: chunk_partition(tenant, batch),
            sk: format!("{TEXTS_PREFIX}{last:08}"),
        }
    }
}

fn chunk_partition(tenant: &TenantId, batch: &BatchId) -> String {
    format!("BATCH#{tenant}#{batch}")
}

fn lines_key(last: u32) -> String {
    format!("{LINES_PREFIX}{last:08}")
}

#[async_trait]
impl BatchStore for DynamoStore {
    async fn put_lines(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        chunk: &BatchChunk,
        texts: &StoredText,
        removed_at: Timestamp,
    ) -> Result<()> {
        let with_expiry = |mut item: Item| {
            item.insert(EXPIRES_AT.to_owned(), number(removed_at.seconds()));
            item
        };
        let texts = Item::from([(TEXTS.to_owned(), stored_text::of(texts))]);
        let last = chunk.last();
        for write in [
            Write::put(Key::texts(tenant, batch, last), with_expiry(texts)),
            Write::put(
                Key::chunk(tenant, batch, last),
                with_expiry(json_item::to_item(chunk)?),
            ),
        ] {
            self.table.write(&[write]).await?;
        }
        Ok(())
    }

    async fn create_batch(&self, batch: &Batch, unfinished_max: u32) -> Result<BatchCreated> {
        let mark = bytes(CallMark::fresh().as_bytes());
        let writes = creation(batch, unfinished_max, &mark)?;
        for _ in 0..TRIES {
            match self.table.write(&writes).await? {
                WriteOutcome::Written => return Ok(BatchCreated::New),
                // An earlier try of this very call, whose answer was lost.
                WriteOutcome::Refused(found) if is_marked(&found, &mark) => {
                    return Ok(BatchCreated::New);
                }
                WriteOutcome::Refused(_) => {}
            }
            if let Some(existing) = self.of_key(&batch.tenant, batch.key.as_deref()).await? {
                return Ok(BatchCreated::Existing(Box::new(existing)));
            }
            self.recount(&batch.tenant, unfinished_max).await?;
        }
        Err(contention())
    }

    async fn batch(&self, tenant: &TenantId, id: &BatchId) -> Result<Batch> {
        let item = self.table.get(&Key::batch(tenant, id)).await?;
        json_item::from_item(&item.ok_or_else(|| no_such_batch(id))?)
    }

    async fn batch_of_key(&self, tenant: &TenantId, key: &IdempotencyKey) -> Result<Option<Batch>> {
        self.of_key(tenant, Some(key.as_str())).await
    }

    async fn list_batches(
        &self,
        tenant: &TenantId,
        before: Option<&BatchId>,
        limit: usize,
    ) -> Result<Vec<Batch>> {
        let mut range = Range {
            newest_first: true,
            limit: limit.saturating_add(1),
            ..Range::prefixed(tenant_partition(tenant), BATCH_PREFIX)
        };
        if let Some(before) = before {
            range.to = format!("{BATCH_PREFIX}{before}");
        }
        let items = self.table.query(range).await?;
        let batches = items.iter().map(json_item::from_item::<Batch>);
        // A range includes its end.
        let batches = batches.filter(|batch| match batch {
            Ok(batch) => Some(&batch.id) != before,
            Err(_) => true,
        });
        batches.take(limit).collect()
    }

    async fn chunk_after(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        line: u32,
    ) -> Result<Option<BatchChunk>> {
        let mut range = Range::prefixed(chunk_partition(tenant, batch), LINES_PREFIX);
        range.from = lines_key(line.saturating_add(1));
        range.limit = 1;
        let items = self.table.query(range).await?;
        items.first().map(json_item::from_item).transpose()
    }

    async fn texts(
        &self,
        tenant: &TenantId,
        batch: &BatchId,
        last: u32,
    ) -> Result<Option<StoredText>> {
        let item = self.table.get(&Key::texts(tenant, batch, last)).await?;
        let item = item.unwrap_or_default();
        stored_text::optional(&item, TEXTS)
    }

    async fn update_batch(&self, batch: &Batch, chunk: Option<&BatchChunk>) -> Result<()> {
        let room = Write::update(Key::batches(&batch.tenant)).add(UNFINISHED, number(-1));
        let room = batch.ended_at.map(|_| room);
        self.write_batch(batch, chunk, room).await
    }

    /// The key first, so that the record names it until it is gone.
    async fn erase_in_batch(
        &self,
        batch: &Batch,
        chunk: Option<&BatchChunk>,
        key_before: Option<&str>,
    ) -> Result<()> {
        if let Some(key) = key_before.filter(|_| batch.key.is_none()) {
            let free = Write::delete(Key::batch_key(&batch.tenant, key))
                .when("#batch = :batch")
                .with(":batch", text(batch.id.as_str()));
            // Refused: it has expired, and may be another batch's by now.
            self.table.write(&[free]).await?;
        }
        self.write_batch(batch, chunk, None).await
    }

    async fn replace_texts(&self, batch: &Batch, last: u32, texts: &StoredText) -> Result<()> {
        let key = Key::texts(&batch.tenant, &batch.id, last);
        let write = Write::update(key).set(TEXTS, stored_text::of(texts));
        let write = write.when("attribute_exists(#texts)");
        self.table.write(&[write]).await.map(drop)
    }

    /// Finds them by the results, whose keys cost less to read.
    async fn remove_texts(&self, tenant: &TenantId, batch: &BatchId) -> Result<()> {
        let range = Range {
            projection: Some("#pk, #sk"),
            ..Range::prefixed(chunk_partition(tenant, batch), LINES_PREFIX)
        };
        for item in self.table.query(range).await? {
            if let Some(lines) = Key::of_item(&item) {
                let sk = lines.sk.replacen(LINES_PREFIX, TEXTS_PREFIX, 1);
                self.table
                    .write(&[Write::delete(Key { sk, ..lines })])
                    .await?;
            }
        }
        Ok(())
    }

    async fn discard_lines(&self, tenant: &TenantId, batch: &BatchId) -> Result<()> {
        let range = Range {
            projection: Some("#pk, #sk"),
            ..Range::whole(chunk_partition(tenant, batch))
        };
        for item in self.table.query(range).await? {
            if let Some(key) = Key::of_item(&item) {
                self.table.write(&[Write::delete(key)]).await?;
            }
        }
        Ok(())
    }

    async fn remove_batches(&self, tenant: &TenantId) -> Result<()> {
        let range = Range {
            projection: Some("#id"),
            ..Range::prefixed(tenant_partition(tenant), BATCH_PREFIX)
        };
        for item in self.table.query(range).await? {
            let id = BatchId::parse(Reader(&item).text("id")?)?;
            self.discard_lines(tenant, &id).await?;
            self.table
                .write(&[Write::delete(Key::batch(tenant, &id))])
                .await?;
        }
        self.table
            .write(&[Write::delete(Key::batches(tenant))])
            .await
            .map(drop)
    }

    async fn expire_batches(&self, _: Timestamp, _: usize) -> Result<usize> {
        Ok(0)
    }
}

fn to_item(batch: &Batch, mark: &AttributeValue) -> Result<Item> {
    let mut item = json_item::to_item(batch)?;
    item.insert(MARK.to_owned(), mark.clone());
    item.insert(EXPIRES_AT.to_owned(), removal(batch));
    Ok(item)
}

fn removal(batch: &Batch) -> AttributeValue {
    number(Batch::removed_at(batch.kept_until).seconds())
}

/// The record, its place among the unfinished, and its key.
fn creation(batch: &Batch, unfinished_max: u32, mark: &AttributeValue) -> Result<Vec<Write>> {
    let tenant = &batch.tenant;
    let record = Write::put(Key::batch(tenant, &batch.id), to_item(batch, mark)?)
        .when("attribute_not_exists(#pk)");
    let place = Write::update(Key::batches(tenant))
        .when("(attribute_not_exists(#unfinished) OR #unfinished < :most)")
        .with(":most", number(unfinished_max))
        .add(UNFINISHED, number(1));
    let key = batch.key.as_ref().map(|key| {
        let item = Item::from([
            (BATCH.to_owned(), text(batch.id.as_str())),
            (EXPIRES_AT.to_owned(), removal(batch)),
        ]);
        // DynamoDB removes what has expired later than it says.
        Write::put(Key::batch_key(tenant, key), item)
            .when("(attribute_not_exists(#pk) OR #expires_at < :now)")
            .with(":now", number(batch.created_at.seconds()))
    });
    Ok([record, place].into_iter().chain(key).collect())
}

async fn counted(table: &Table, tenant: &TenantId) -> Result<Option<i64>> {
    let item = table.get(&Key::batches(tenant)).await?.unwrap_or_default();
    Reader(&item).optional_number(UNFINISHED)
}

impl DynamoStore {
    /// Over the version below, together with what stands beside it.
    async fn write_batch(
        &self,
        batch: &Batch,
        chunk: Option<&BatchChunk>,
        beside: Option<Write>,
    ) -> Result<()> {
        let mark = bytes(CallMark::fresh().as_bytes());
        let tenant = &batch.tenant;
        let put = Write::put(Key::batch(tenant, &batch.id), to_item(batch, &mark)?)
            .when("#version = :expected")
            .with(":expected", number(batch.version.saturating_sub(1)));
        let mut writes = vec![put];
        if let Some(chunk) = chunk {
            let mut item = json_item::to_item(chunk)?;
            item.insert(EXPIRES_AT.to_owned(), removal(batch));
            writes.push(Write::put(
                Key::chunk(tenant, &batch.id, chunk.last()),
                item,
            ));
            if chunk.waiting().next().is_none() {
                let key = Key::texts(tenant, &batch.id, chunk.last());
                let husk = Write::update(key).set(EXPIRES_AT, removal(batch));
                writes.push(husk.set_or_remove(TEXTS, None));
            }
        }
        writes.extend(beside);
        match self.table.write(&writes).await? {
            WriteOutcome::Written => Ok(()),
            WriteOutcome::Refused(found) if is_marked(&found, &mark) => Ok(()),
            WriteOutcome::Refused(_) => Err(batch_changed()),
        }
    }

    async fn of_key(&self, tenant: &TenantId, key: Option<&str>) -> Result<Option<Batch>> {
        let Some(key) = key else { return Ok(None) };
        let Some(item) = self.table.get(&Key::batch_key(tenant, key)).await? else {
            return Ok(None);
        };
        let id = BatchId::parse(Reader(&item).text(BATCH)?)?;
        match self.batch(tenant, &id).await {
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Counts the batches that have not ended, for one may have expired. Fails if there is no room.
    async fn recount(&self, tenant: &TenantId, unfinished_max: u32) -> Result<()> {
        let counted = counted(&self.table, tenant).await?;
        let range = Range {
            filter: Some("attribute_not_exists(#ended_at)"),
            projection: Some("#sk"),
            ..Range::prefixed(tenant_partition(tenant), BATCH_PREFIX)
        };
        let there = u32::try_from(self.table.query(range).await?.len()).unwrap_or(u32::MAX);
        if there >= unfinished_max {
            return Err(too_many_batches(unfinished_max));
        }
        let write = Write::update(Key::batches(tenant)).set(UNFINISHED, number(there));
        let write = match counted {
            None => write.when("attribute_not_exists(#unfinished)"),
            Some(counted) => write
                .when("#unfinished = :counted")
                .with(":counted", number(counted)),
        };
        self.table.write(&[write]).await.map(drop)
    }
}
