//! Takes in the lines of a new batch in one pass: a chunk of them is in memory, and the batch is
//! there when all are written.

use super::Batches;
use crate::app::Context;
use crate::app::sealed_text::SealedPart;
use crate::base::digest::RunningSha256;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{BatchId, IdempotencyKey, KeyId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::batch::{Batch, BatchChunk, BatchLine, LineRequest, LineResult, reference_of};
use crate::port::{BatchCreated, Ids as _};

/// The text of one chunk. A DynamoDB item is limited to 400 KB.
const CHUNK_BYTES_MAX: usize = 300 * 1024;

/// A batch on its way in.
pub struct BatchIntake {
    context: Context,
    tenant: TenantId,
    id: BatchId,
    created_at: Timestamp,
    kept_until: Timestamp,
    key: Option<IdempotencyKey>,
    /// The API key that the request bears.
    by: Option<KeyId>,
    /// The batch that the key belongs to: then this one is only compared with it.
    known: Option<Batch>,
    digest: RunningSha256,
    bytes: usize,
    /// The number of the current line, and what there is of it.
    number: u32,
    line: Vec<u8>,
    is_too_long: bool,
    chunk: Vec<BatchLine>,
    texts: String,
    lines: u32,
    refused: u32,
}

impl Batches {
    /// Begins a batch. Whatever was written of it goes with [`BatchIntake::discard`], or expires.
    pub async fn intake(
        &self,
        tenant: TenantId,
        key: Option<IdempotencyKey>,
        by: Option<KeyId>,
    ) -> Result<BatchIntake> {
        let known = match &key {
            Some(key) => self.context.batches().batch_of_key(&tenant, key).await?,
            None => None,
        };
        self.context.check_restored().await?;
        let created_at = self.context.now();
        Ok(BatchIntake {
            context: self.context.clone(),
            tenant,
            id: self.context.entropy.batch_id(created_at),
            created_at,
            kept_until: created_at.plus_ms(self.context.bounds.batch.kept_ms),
            key,
            by,
            known,
            digest: RunningSha256::default(),
            bytes: 0,
            number: 1,
            line: Vec::new(),
            is_too_long: false,
            chunk: Vec::new(),
            texts: String::new(),
            lines: 0,
            refused: 0,
        })
    }

    /// Creates the batch, which is worked on from now on. False for one that its key belongs to
    /// already.
    ///
    /// Kind `Invalid` with code `empty_batch`, kind `KeyReused` if the batch of the key has other
    /// lines, kind `Busy` with code `too_many_batches`.
    pub async fn create(&self, mut intake: BatchIntake) -> Result<(Batch, bool)> {
        intake.end_line().await?;
        intake.write_chunk().await?;
        if intake.lines == 0 {
            let text = "the batch has no lines; send one JSON object per line";
            return Err(Error::invalid("empty_batch", text));
        }
        let known = intake.known.take();
        let batch = intake.into_batch();
        if let Some(known) = known {
            return same(known, &batch);
        }
        self.send_job(&batch).await?;
        let unfinished_max = self.context.bounds.batch.unfinished_max;
        let store = self.context.batches();
        match store.create_batch(&batch, unfinished_max).await {
            Ok(BatchCreated::New) => Ok((batch, true)),
            Ok(BatchCreated::Existing(known)) => {
                self.discard(&batch.tenant, &batch.id).await;
                same(*known, &batch)
            }
            // Where there is no answer, it may have been created.
            Err(error) if error.kind == Kind::Busy => {
                self.discard(&batch.tenant, &batch.id).await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn discard(&self, tenant: &TenantId, id: &BatchId) {
        discard(&self.context, tenant, id).await;
    }
}

/// The batch of a key, if it is what was sent again.
fn same(known: Batch, sent: &Batch) -> Result<(Batch, bool)> {
    if known.request == sent.request {
        return Ok((known, false));
    }
    let text = "this Idempotency-Key was used for a batch with other lines; use a new one";
    let error = Error::new(Kind::KeyReused, "idempotency_key_reused", text);
    Err(error.field("Idempotency-Key"))
}

/// They expire in any case.
async fn discard(context: &Context, tenant: &TenantId, id: &BatchId) {
    if let Err(error) = context.batches().discard_lines(tenant, id).await {
        let error = error.with_causes();
        tracing::warn!(tenant.id = %tenant, batch.id = %id, error, "the lines of a refused batch stay until they expire");
    }
}

impl BatchIntake {
    /// Takes the next piece of the body.
    ///
    /// Kind `TooLarge` with codes `body_too_large` and `too_many_lines`.
    pub async fn piece(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes += piece.len();
        let bytes_max = self.context.bounds.batch.bytes_max;
        if self.bytes > bytes_max {
            let text = format!(
                "the batch is larger than {bytes_max} bytes; upload its pictures, or send several batches"
            );
            return Err(Error::new(Kind::TooLarge, "body_too_large", text));
        }
        self.digest.update(piece);
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let fits = self.line.len() + part.len() <= self.context.bounds.batch.line_bytes_max;
            if fits && !self.is_too_long {
                self.line.extend_from_slice(part);
            } else {
                self.is_too_long = true;
                self.line.clear();
            }
            if parts.peek().is_some() {
                self.end_line().await?;
                self.number += 1;
            }
        }
        Ok(())
    }

    /// What was written goes, for the body did not come whole.
    pub async fn discard(self) {
        if self.known.is_none() {
            discard(&self.context, &self.tenant, &self.id).await;
        }
    }

    async fn end_line(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii();
        let is_too_long = std::mem::take(&mut self.is_too_long);
        if line.is_empty() && !is_too_long {
            return Ok(());
        }
        let lines_max = self.context.bounds.batch.lines_max;
        if self.lines == lines_max {
            let text = format!("the batch has more than {lines_max} lines; send several batches");
            return Err(Error::new(Kind::TooLarge, "too_many_lines", text));
        }
        self.lines += 1;
        let read = if is_too_long {
            Err(too_long(self.context.bounds.batch.line_bytes_max))
        } else {
            LineRequest::parse(line)
        };
        self.take(line, read).await
    }

    async fn take(&mut self, line: &[u8], read: Result<LineRequest>) -> Result<()> {
        let (reference, result) = match read {
            Ok(request) => (request.reference, LineResult::Waiting),
            Err(error) => (reference_of(line), LineResult::refused(&error)),
        };
        // Whatever parses is UTF-8.
        let text = match (&result, std::str::from_utf8(line)) {
            (LineResult::Waiting, Ok(text)) => text,
            _ => "",
        };
        self.refused += u32::from(result != LineResult::Waiting);
        let is_full = self.chunk.len() == BatchChunk::LINES_MAX
            || self.texts.len() + text.len() > CHUNK_BYTES_MAX;
        if is_full {
            self.write_chunk().await?;
        }
        self.texts.push_str(text);
        self.texts.push('\n');
        self.chunk.push(BatchLine {
            line: self.number,
            reference,
            result,
        });
        Ok(())
    }

    async fn write_chunk(&mut self) -> Result<()> {
        let chunk = BatchChunk {
            lines: std::mem::take(&mut self.chunk),
        };
        let texts = std::mem::take(&mut self.texts);
        if chunk.lines.is_empty() || self.known.is_some() {
            return Ok(());
        }
        let part = SealedPart::Lines(&self.id, chunk.last());
        let texts = self.context.seal_text(&self.tenant, part, &texts).await?;
        let (store, removed_at) = (self.context.batches(), Batch::removed_at(self.kept_until));
        store
            .put_lines(&self.tenant, &self.id, &chunk, &texts, removed_at)
            .await
    }

    fn into_batch(self) -> Batch {
        Batch {
            tenant: self.tenant,
            id: self.id,
            version: 1,
            created_at: self.created_at,
            kept_until: self.kept_until,
            request: hex::encode(self.digest.finish()),
            key: self.key.map(|key| key.as_str().to_owned()),
            by: self.by,
            lines: self.lines,
            admitted: 0,
            refused: self.refused,
            completed: 0,
            failed: 0,
            decided_to: 0,
            open: std::collections::BTreeMap::new(),
            waiting: None,
            admits_until: None,
            job: 1,
            cancelled_at: None,
            ended_at: None,
            erased: false,
        }
    }
}

fn too_long(bytes_max: usize) -> Error {
    let text = format!(
        "the line is longer than {bytes_max} bytes; upload the picture and name its URL instead"
    );
    Error::new(Kind::TooLarge, "line_too_long", text)
}
