//! One turn of a batch's job: looks at tasks that run, admits the next lines, and comes again.

use super::BatchWork;
use crate::app::jobs::warn;
use crate::base::error::{Kind, Reason, Result};
use crate::base::time::Timestamp;
use crate::domain::batch::{Batch, BatchChunk};
use crate::domain::task::Job;
use crate::port::Lease;
use crate::port::errors::batch_changed;

/// A job that came before the write that it belongs to looks again so often, and so much later.
const EARLY_TRIES_MAX: u32 = 5;
const EARLY_DELAY_MS: u64 = 2_000;
/// Attempts at one change.
const CONFLICTS_MAX: usize = 8;

/// What a job has to do next.
enum Next {
    Done,
    Early,
    Again { after_ms: u64, was_idle: bool },
}

impl BatchWork {
    /// Works on the batch and settles the lease. It is never given up: nobody else would go on.
    pub(crate) async fn work(&self, lease: &Lease) -> Result<()> {
        let Job::Batch { idle, .. } = &lease.job else {
            return self.jobs.ack(lease).await;
        };
        let next = match self.turn(&lease.job).await {
            Err(error) if error.kind == Kind::NotFound => Next::Early,
            Err(error) => {
                warn(&error);
                let after_ms = self.context.bounds.wake.delay_ms(*idle);
                Next::Again {
                    after_ms: self.jobs.jittered_ms(after_ms),
                    was_idle: true,
                }
            }
            Ok(next) => next,
        };
        match next {
            Next::Done => self.jobs.ack(lease).await,
            Next::Early if *idle >= EARLY_TRIES_MAX => self.jobs.ack(lease).await,
            Next::Early => self.again(lease, EARLY_DELAY_MS, true).await,
            Next::Again { after_ms, was_idle } => self.again(lease, after_ms, was_idle).await,
        }
    }

    async fn again(&self, lease: &Lease, after_ms: u64, was_idle: bool) -> Result<()> {
        let mut next = lease.job.clone();
        if let Job::Batch { turn, idle, .. } = &mut next {
            *turn = turn.wrapping_add(1);
            *idle = if was_idle { idle.saturating_add(1) } else { 0 };
        }
        self.jobs.again(lease, &next, after_ms).await
    }

    async fn turn(&self, job: &Job) -> Result<Next> {
        let Job::Batch {
            tenant,
            batch,
            number,
            turn,
            idle,
        } = job
        else {
            return Ok(Next::Done);
        };
        let batch = self.context.batches().batch(tenant, batch).await?;
        if batch.job < *number {
            return Ok(Next::Early);
        }
        if batch.job > *number || batch.ended_at.is_some() {
            return Ok(Next::Done);
        }
        let before = batch.clone();
        let batch = self.follow(batch, *turn).await?;
        let settled = self.has_settled(&batch);
        let batch = match batch.cancelled_at {
            None => self.admit(batch).await?,
            Some(_) => self.find_admitted(batch).await?,
        };
        if self.is_over(&batch, settled) {
            self.end(batch).await?;
            return Ok(Next::Done);
        }
        let was_idle = batch.is_as(&before);
        let after_ms = if was_idle {
            self.idle_ms(&batch, *idle).min(self.unsettled_ms(&batch))
        } else if batch.waiting.is_none() && self.has_room(&batch) && !batch.is_decided() {
            0
        } else {
            self.context.bounds.batch.pace.first_ms
        };
        Ok(Next::Again { after_ms, was_idle })
    }

    /// Whoever waits for money or a place is asked less often, unless tasks run that may end.
    fn idle_ms(&self, batch: &Batch, idle: u32) -> u64 {
        let bounds = &self.context.bounds.batch;
        let growing = match (&batch.waiting, batch.in_progress()) {
            (Some(_), 0) => bounds.waiting,
            _ => bounds.pace,
        };
        self.jobs.jittered_ms(growing.delay_ms(idle))
    }

    pub(super) fn has_room(&self, batch: &Batch) -> bool {
        batch.in_progress() < self.context.bounds.batch.in_progress_max
    }

    /// Whether nobody admits a line of the batch any more, which was cancelled. A turn that began
    /// before may still do so, until it takes back its mark or has died long ago.
    fn has_settled(&self, batch: &Batch) -> bool {
        let now = self.context.now();
        batch.cancelled_at.is_some() && batch.admits_until.is_none_or(|until| until <= now)
    }

    /// How long a turn may go on that began before the batch was cancelled.
    fn unsettled_ms(&self, batch: &Batch) -> u64 {
        let until = batch.admits_until.filter(|_| batch.cancelled_at.is_some());
        let left_ms = |until: Timestamp| until.since_ms(self.context.now());
        until
            .map(left_ms)
            .filter(|left_ms| *left_ms > 0)
            .unwrap_or(u64::MAX)
    }

    fn is_over(&self, batch: &Batch, settled: bool) -> bool {
        let admits_no_more = batch.is_decided() || settled;
        (admits_no_more && batch.open.is_empty()) || batch.kept_until <= self.context.now()
    }

    /// The texts of undecided lines go before the batch has ended, so that nobody has more of them
    /// stored than unfinished batches may have.
    async fn end(&self, batch: Batch) -> Result<()> {
        let now = self.context.now();
        if !batch.is_decided() {
            let store = self.context.batches();
            store.remove_texts(&batch.tenant, &batch.id).await?;
        }
        let ended = self.change(batch, None, |batch| {
            batch.waiting = None;
            batch.admits_until = None;
            batch.ended_at = Some(now);
        });
        let batch = ended.await?;
        tracing::info!(tenant.id = %batch.tenant, batch.id = %batch.id, state = batch.state().as_str(), lines = batch.lines, completed = batch.completed, "batch ended");
        Ok(())
    }

    /// Writes a change and, with it, a chunk as it was read and as it is to be. Over whatever else
    /// changes the batch meanwhile: then the chunk is read again, and each line keeps the later of
    /// its results.
    pub(super) async fn change(
        &self,
        mut batch: Batch,
        mut chunk: Option<(BatchChunk, BatchChunk)>,
        edit: impl Fn(&mut Batch),
    ) -> Result<Batch> {
        let store = self.context.batches();
        for _ in 0..CONFLICTS_MAX {
            let mut next = batch.clone();
            next.version += 1;
            if let Some((before, after)) = &chunk {
                next.count(before, after);
            }
            edit(&mut next);
            let after = chunk.as_ref().map(|(_, after)| match next.erased {
                true => after.erased(),
                false => after.clone(),
            });
            match store.update_batch(&next, after.as_ref()).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| next),
            }
            batch = store.batch(&batch.tenant, &batch.id).await?;
            if batch.ended_at.is_some() {
                return Ok(batch);
            }
            if let Some((_, after)) = chunk {
                let line = after.last().saturating_sub(1);
                let stored = store.chunk_after(&batch.tenant, &batch.id, line).await?;
                let stored = stored.ok_or_else(batch_changed)?;
                let after = stored.merged(&after);
                chunk = Some((stored, after));
            }
        }
        Err(batch_changed())
    }
}
