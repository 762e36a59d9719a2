//! Batches: taken in by the gateway, worked on by the poller.

mod admit;
mod cancel;
mod erase;
mod follow;
mod intake;
mod read;
mod work;

pub use intake::BatchIntake;

use std::sync::Arc;

use super::gateway::{SubmitRequest, Submits};
use super::jobs::Jobs;
use super::{Context, Machine, Sender};
use crate::base::error::{Reason, Result};
use crate::base::id::{BatchId, IdempotencyKey};
use crate::domain::batch::{Batch, LineRequest};
use crate::domain::task::{Delayed, Job};
use crate::port::{AddressGuard, Queue};

/// A batch's job is sent before the write that it belongs to, so that a crash in between leaves no
/// batch that nobody works on.
const JOB_DELAY_MS: u64 = 200;

/// What tenants do with batches.
pub struct Batches {
    context: Context,
    queue: Arc<dyn Queue>,
}

impl Batches {
    pub fn new(context: Context, queue: Arc<dyn Queue>) -> Self {
        Self { context, queue }
    }

    async fn send_job(&self, batch: &Batch) -> Result<()> {
        let job = Delayed {
            job: first_job(batch),
            after_ms: JOB_DELAY_MS,
        };
        self.queue.send(&[job]).await
    }

    /// Has a new job go on with the batch, in place of one that may be gone. Does nothing while the
    /// batch changes: somebody is at it.
    pub(super) async fn renew_job(&self, mut batch: Batch) -> Result<()> {
        batch.job += 1;
        batch.version += 1;
        self.send_job(&batch).await?;
        match self.context.batches().update_batch(&batch, None).await {
            Err(error) if error.is(Reason::VersionMoved) => Ok(()),
            written => written,
        }
    }
}

/// Admits the lines of batches, and follows their tasks.
pub(super) struct BatchWork {
    context: Context,
    machine: Machine,
    submits: Submits,
    jobs: Jobs,
}

impl BatchWork {
    pub(super) fn new(sender: Sender, guard: Arc<dyn AddressGuard>, jobs: Jobs) -> Self {
        let machine = sender.machine.clone();
        Self {
            context: machine.context.clone(),
            machine,
            submits: Submits::new(sender, guard),
            jobs,
        }
    }
}

fn first_job(batch: &Batch) -> Job {
    Job::Batch {
        tenant: batch.tenant.clone(),
        batch: batch.id.clone(),
        number: batch.job,
        turn: 0,
        idle: 0,
    }
}

/// The submit of a line. Without a key of its own it has that of its place, so that it is one task
/// however often it is submitted.
fn submit_request(batch: &Batch, number: u32, line: LineRequest) -> Result<SubmitRequest> {
    let place = |id: &BatchId| IdempotencyKey::parse(&format!("batch-{id}-{number}"));
    Ok(SubmitRequest {
        tenant: batch.tenant.clone(),
        model: line.model,
        inputs: line.inputs,
        callback: line.callback,
        metadata: line.metadata,
        key: Some(line.key.map_or_else(|| place(&batch.id), Ok)?),
        by: batch.by.clone(),
        trace: None,
    })
}
