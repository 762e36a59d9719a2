//! Copies a run's outputs into the tenant's bucket. The task is charged and its callbacks are sent
//! only after that, unless the copy fails through the tenant's own fault.

mod broken;
mod ended_run;
mod off;
mod outcome;
mod promised;
mod refusal;
mod together;

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _};
use tracing::Instrument as _;
use tracing::field::Empty;

use super::jobs::{JobOutcome, Jobs, Worker};
use super::traced::follow;
use super::{Context, Machine};
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::trace_context::{SPANS, TraceContext};
use crate::domain::media;
use crate::domain::task::{Copied, Job, Output, Signal, State, Task};
use crate::domain::tenant::{Archiving, Destination, KeyParts};
use crate::port::{Lease, NewObject, ObjectStore, OutputFetch, OutputFetcher, Queue, Timer};
use broken::Broken;
use promised::promised;
use refusal::Refusal;
use together::{Copying, Together};

/// Copies outputs into tenants' buckets.
pub struct Archiver {
    context: Context,
    machine: Machine,
    pub(crate) jobs: Jobs,
    outputs: Arc<dyn OutputFetcher>,
    objects: Arc<dyn ObjectStore>,
    together: Together,
    broken: Broken,
}

#[async_trait]
impl Worker for Archiver {
    async fn work(&self, lease: &Lease) -> Result<()> {
        let copying = self.together.copying(lease.job.tenant());
        let archived = match &lease.job {
            Job::Archive { tenant, task } => {
                Box::pin(self.archive_with(tenant, task, copying)).await
            }
            Job::ArchiveRun {
                tenant,
                task,
                ended,
            } => Box::pin(self.archive_run((tenant, task), ended, copying)).await,
            _ => return Jobs::refuse(lease),
        };
        let outcome = archived.map(|()| JobOutcome::Done);
        self.jobs.settle(lease, outcome).await
    }

    async fn after_panic(&self, lease: &Lease) -> Result<()> {
        self.jobs.after_panic(lease).await
    }

    async fn tell_noted(&self) {
        self.machine.alerter.tell_noted().await;
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
            together: Together::default(),
            broken: Broken::default(),
        }
    }

    /// Writes the completions of a tenant together that come within a moment. For a store to which
    /// one change costs as much as several of a tenant.
    #[must_use]
    pub fn together(self, timer: Arc<dyn Timer>) -> Self {
        Self {
            together: Together::by(timer),
            ..self
        }
    }

    /// Archives the outputs of a task that is `archiving`, or that completed with some outputs
    /// missing from the bucket. Does nothing for any other task.
    ///
    /// Safe to repeat: the put is conditional, and the object already in the bucket is the one
    /// reported; or else each attempt has its own key, and the task names one.
    pub async fn archive(&self, tenant: &TenantId, id: &TaskId) -> Result<()> {
        Box::pin(self.archive_with(tenant, id, None)).await
    }

    async fn archive_with(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        copying: Option<Copying<'_>>,
    ) -> Result<()> {
        let Some(task) = self.to_archive(tenant, id).await? else {
            return Ok(());
        };
        follow(&task);
        let record = self.context.tenants().get_eventual(tenant).await?;
        let to = &record.destination;
        if to.archive == Archiving::Off {
            return self.leave_at_provider(task).await;
        }
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
        let (copies, refusals) = self.copy_missing(&task, to).await;
        if refusals.is_empty() {
            let signal = all_copied(&task, copies.clone());
            return self
                .enter(task, to, copies, (signal, copying))
                .await
                .map(drop);
        }
        drop(copying);
        let task = match copies.is_empty() {
            true => task,
            false => {
                let copied = copies.clone();
                let some = Signal::Copied { copies };
                self.enter(task, to, copied, (some, None)).await?
            }
        };
        self.refused(task, refusals).await
    }

    /// The task with these copies, if nobody else was first. Without conditional puts two attempts
    /// write two objects: the task names one of them, and the other is removed.
    async fn enter(
        &self,
        task: Task,
        to: &Destination,
        copies: Vec<Copied>,
        (signal, copying): (Signal, Option<Copying<'_>>),
    ) -> Result<Task> {
        let made: Vec<Output> = copies.into_iter().map(|copy| copy.output).collect();
        let task = self
            .together
            .signal(&self.machine, copying, (task, signal))
            .await?;
        if !to.has_conditional_put() {
            self.remove_unnamed(&task, to, made).await;
        }
        Ok(task)
    }

    async fn remove_unnamed(&self, task: &Task, to: &Destination, made: Vec<Output>) {
        let copied = task.copied.iter().map(|copied| &copied.output);
        let named: Vec<&Output> = task.outputs.iter().chain(copied).collect();
        for output in made.iter().filter(|output| !named.contains(output)) {
            let removed = self.objects.remove(&task.tenant, to, &output.key).await;
            if let Err(error) = removed {
                let error = error.with_causes();
                tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error, "a second copy of an output stays in the bucket; no task names it");
            }
        }
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

    /// The outputs that were copied in this pass, and why others were not.
    async fn copy_missing(&self, task: &Task, to: &Destination) -> (Vec<Copied>, Vec<Refusal>) {
        let missing = task.to_copy();
        if !missing.is_empty()
            && let Err(error) = self.ready(task, to).await
        {
            return (Vec::new(), vec![error.into()]);
        }
        let copying = missing.into_iter().map(|(n, source)| {
            let copied = self.copy(task, to, n, source);
            async move { copied.await.map(|output| Copied { n, output }) }.boxed()
        });
        let copying: Vec<_> = copying.collect();
        let (mut copies, mut refusals) = (Vec::new(), Vec::new());
        let mut tried = stream::iter(copying).buffered(self.context.bounds.copies.at_once);
        while let Some(one) = tried.next().await {
            match one {
                Ok(copy) => copies.push(copy),
                Err(refusal) => refusals.push(refusal),
            }
        }
        (copies, refusals)
    }

    async fn copy(
        &self,
        task: &Task,
        to: &Destination,
        n: usize,
        source: &str,
    ) -> Result<Output, Refusal> {
        let trace = self.context.hop(task);
        let span = tracing::trace_span!(
            target: SPANS,
            "copy",
            span_id = trace.parent_id(),
            output = n,
            bytes = Empty,
            "error.type" = Empty,
        );
        let copied = self.copy_traced(task, to, (n, source), &trace);
        let copied = copied.instrument(span.clone()).await;
        match &copied {
            Ok(output) => span.record("bytes", output.bytes),
            Err(refusal) => span.record("error.type", refusal.code()),
        };
        copied
    }

    async fn copy_traced(
        &self,
        task: &Task,
        to: &Destination,
        (n, source): (usize, &str),
        trace: &TraceContext,
    ) -> Result<Output, Refusal> {
        let (bytes_max, timeout_ms) = (
            self.context.bounds.output_bytes_max,
            self.context.bounds.output_timeout_ms,
        );
        let fetch = OutputFetch {
            url: source,
            promised: promised(task, source),
            bytes_max,
            timeout_ms,
            trace,
        };
        let fetched = self.outputs.fetch(fetch).await?;
        let object = NewObject {
            key: to.key(&KeyParts {
                tenant: task.tenant.as_str(),
                created_at: task.created_at,
                task: task.id.as_str(),
                n,
                attempt: self.attempt(to).as_deref(),
                extension: fetched.extension,
            }),
            body: fetched.body,
            bytes: fetched.bytes,
            sha256: fetched.sha256,
            content_type: fetched.content_type.to_owned(),
            content_disposition: media::disposition(fetched.content_type),
            provider_type: fetched.provider_type,
        };
        let stored = self.objects.put_new(&task.tenant, to, object).await;
        self.see(task, to, stored.as_ref().err());
        Ok(to.published(stored?.output()))
    }

    /// Where a store overwrites, a part of the key that no other attempt has.
    fn attempt(&self, to: &Destination) -> Option<String> {
        if to.has_conditional_put() {
            return None;
        }
        let mut random = [0; 8];
        self.context.entropy.fill(&mut random);
        Some(hex::encode(random))
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
