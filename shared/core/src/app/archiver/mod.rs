//! Copies a run's outputs into the tenant's bucket. The task is charged and its callbacks are sent
//! only after that, unless the copy fails through the tenant's own fault.

mod promised;
mod refusal;

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};

use super::jobs::{JobOutcome, Jobs, Worker};
use super::traced::follow;
use super::{Context, Machine};
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::media;
use crate::domain::task::{Copied, Job, Output, Signal, State, Task};
use crate::domain::tenant::Destination;
use crate::port::{Lease, NewObject, ObjectStore, OutputFetch, OutputFetcher, Queue};
use promised::promised;
use refusal::Refusal;

/// Maximum number of one task's outputs copied concurrently.
const COPIES_MAX: usize = 4;

/// Copies outputs into tenants' buckets.
pub struct Archiver {
    context: Context,
    machine: Machine,
    pub(crate) jobs: Jobs,
    outputs: Arc<dyn OutputFetcher>,
    objects: Arc<dyn ObjectStore>,
}

#[async_trait]
impl Worker for Archiver {
    async fn work(&self, lease: &Lease) -> Result<()> {
        let Job::Archive { tenant, task } = &lease.job else {
            return Jobs::refuse(lease);
        };
        let outcome = self.archive(tenant, task).await.map(|()| JobOutcome::Done);
        self.jobs.settle(lease, outcome).await
    }

    async fn after_panic(&self, lease: &Lease) -> Result<()> {
        self.jobs.after_panic(lease).await
    }
}

impl Archiver {
    pub fn new(
        machine: Machine,
        queue: Arc<dyn Queue>,
        outputs: Arc<dyn OutputFetcher>,
        objects: Arc<dyn ObjectStore>,
    ) -> Self {
        let jobs = Jobs::new(&machine.context, queue);
        Self {
            context: machine.context.clone(),
            machine,
            jobs,
            outputs,
            objects,
        }
    }

    /// Archives the outputs of a task that is `archiving`, or that completed with some outputs
    /// missing from the bucket. Does nothing for any other task.
    ///
    /// Safe to repeat: the put is conditional, and the object already in the bucket is the one
    /// reported.
    pub async fn archive(&self, tenant: &TenantId, id: &TaskId) -> Result<()> {
        let Some(task) = self.to_archive(tenant, id).await? else {
            return Ok(());
        };
        follow(&task);
        if task.outputs_made() > self.context.bounds.outputs_max {
            let text = format!(
                "the run has {} outputs; at most {} can be archived",
                task.outputs_made(),
                self.context.bounds.outputs_max
            );
            return self
                .machine
                .end_outputs(task, "output_refused", &text)
                .await
                .map(drop);
        }
        let (copies, refusals) = self.copy_missing(&task).await?;
        if refusals.is_empty() {
            return self
                .machine
                .signal(task.clone(), all_copied(&task, copies))
                .await
                .map(drop);
        }
        let task = match copies.is_empty() {
            true => task,
            false => self
                .machine
                .signal(task, Signal::Copied { copies })
                .await?
                .task(),
        };
        self.refused(task, refusals).await
    }

    /// The task, if it has outputs left to copy. Falls back to a consistent read: the job is sent
    /// right after the change that caused it, so `get_eventual` may not show that change yet.
    async fn to_archive(&self, tenant: &TenantId, id: &TaskId) -> Result<Option<Task>> {
        let can_be_copied = |task: &Task| !task.to_copy().is_empty() && !task.waits_for_links();
        let mut task = self.context.tasks().get_eventual(tenant, id).await?;
        if !can_be_copied(&task) {
            task = self.context.tasks().get(tenant, id).await?;
        }
        let expired = task
            .unarchived
            .as_ref()
            .is_some_and(|unarchived| unarchived.expires_at <= self.context.now());
        Ok((can_be_copied(&task) && !expired).then_some(task))
    }

    /// The outputs that were copied in this pass, and why each of the others was not.
    async fn copy_missing(&self, task: &Task) -> Result<(Vec<Copied>, Vec<Refusal>)> {
        let destination = self
            .context
            .tenants()
            .get_eventual(&task.tenant)
            .await?
            .destination;
        let missing = task.to_copy();
        let copying = missing.into_iter().map(|(n, source)| {
            let copied = self.copy(task, &destination, n, source);
            async move { copied.await.map(|output| Copied { n, output }) }.boxed()
        });
        let copying: Vec<_> = copying.collect();
        let (mut copies, mut refusals) = (Vec::new(), Vec::new());
        let mut tried = stream::iter(copying).buffered(COPIES_MAX);
        while let Some(one) = tried.next().await {
            match one {
                Ok(copy) => copies.push(copy),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Ok((copies, refusals))
    }

    async fn copy(
        &self,
        task: &Task,
        to: &Destination,
        n: usize,
        source: &str,
    ) -> Result<Output, Refusal> {
        let (bytes_max, timeout_ms) = (
            self.context.bounds.output_bytes_max,
            self.context.bounds.output_timeout_ms,
        );
        let trace = self.context.hop(task);
        let fetch = OutputFetch {
            url: source,
            promised: promised(task, source),
            bytes_max,
            timeout_ms,
            trace: &trace,
        };
        let fetched = self.outputs.fetch(fetch).await?;
        let object = NewObject {
            key: to.key(task.created_at, task.id.as_str(), n, fetched.extension),
            body: fetched.body,
            bytes: fetched.bytes,
            sha256: fetched.sha256,
            content_type: fetched.content_type.to_owned(),
            content_disposition: media::disposition(fetched.content_type),
            provider_type: fetched.provider_type,
        };
        Ok(self
            .objects
            .put_new(&task.tenant, to, object)
            .await?
            .output())
    }
}

/// The signal for a task whose outputs are all in the bucket after these copies.
fn all_copied(task: &Task, copies: Vec<Copied>) -> Signal {
    if task.state != State::Archiving {
        return Signal::Copied { copies };
    }
    let mut all: Vec<Copied> = task.copied.iter().cloned().chain(copies).collect();
    all.sort_by_key(|copy| copy.n);
    Signal::Archived {
        outputs: all.into_iter().map(|copy| copy.output).collect(),
    }
}
