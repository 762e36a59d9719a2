//! Looks at the tasks of a batch that had not ended.

use futures::StreamExt as _;
use futures::stream;

use super::BatchWork;
use crate::base::error::{Kind, Result};
use crate::base::id::TaskId;
use crate::domain::batch::{Batch, BatchChunk, BatchLine, LineResult};
use crate::domain::task::{Signal, State};

/// Chunks looked at in one turn, and tasks at once.
const CHUNKS: usize = 8;
const READS_AT_ONCE: usize = 8;

impl BatchWork {
    /// Counts the tasks that ended; in a batch that was cancelled, those that wait are cancelled.
    pub(super) async fn follow(&self, mut batch: Batch, turn: u32) -> Result<Batch> {
        let open: Vec<u32> = batch.open.keys().copied().collect();
        let turns = open.len().div_ceil(CHUNKS).max(1);
        let turn = usize::try_from(turn).unwrap_or(0) % turns;
        for last in open.into_iter().skip(turn * CHUNKS).take(CHUNKS) {
            batch = self.follow_chunk(batch, last).await?;
        }
        Ok(batch)
    }

    async fn follow_chunk(&self, batch: Batch, last: u32) -> Result<Batch> {
        let store = self.context.batches();
        let line = last.saturating_sub(1);
        let Some(before) = store.chunk_after(&batch.tenant, &batch.id, line).await? else {
            return Ok(batch);
        };
        let lines = before.lines.iter().cloned();
        let checks: Vec<_> = lines.map(|line| self.checked(&batch, line)).collect();
        let lines: Vec<Result<BatchLine>> =
            stream::iter(checks).buffered(READS_AT_ONCE).collect().await;
        let lines = lines.into_iter().collect::<Result<_>>()?;
        let after = BatchChunk { lines };
        if after == before {
            return Ok(batch);
        }
        self.change(batch, Some((before, after)), |_| {}).await
    }

    async fn checked(&self, batch: &Batch, line: BatchLine) -> Result<BatchLine> {
        let LineResult::Admitted { task } = &line.result else {
            return Ok(line);
        };
        let result = self.result_of(batch, task).await?;
        Ok(BatchLine { result, ..line })
    }

    pub(super) async fn result_of(&self, batch: &Batch, id: &TaskId) -> Result<LineResult> {
        let mut task = match self.context.tasks().get_eventual(&batch.tenant, id).await {
            Err(error) if error.kind == Kind::NotFound => {
                return Ok(LineResult::Ended {
                    task: id.clone(),
                    completed: false,
                });
            }
            found => found?,
        };
        if batch.cancelled_at.is_some() && task.state == State::Admitted {
            task = self.machine.signal(task, Signal::Cancel).await?.task();
        }
        Ok(match task.state {
            state if state.is_end() => LineResult::Ended {
                task: task.id,
                completed: state == State::Completed,
            },
            _ => LineResult::Admitted { task: task.id },
        })
    }
}
