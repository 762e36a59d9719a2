//! Erases what tasks were about: inputs, callback URLs, metadata, words and links, what receivers
//! answered, and the words of batches. Their ledger lines and sums stay.
//!
//! An erasure keeps no record of its own: each task says whether it was erased. So it may be killed
//! anywhere, and begun again by anybody.

use std::fmt;

use serde_json::{Value, json};
use tracing::Instrument as _;

use super::OperatorTasks;
use crate::app::machine::DeletionOutcome;
use crate::app::traced::task_span;
use crate::base::error::{Error, Kind, Result, Retry};
use crate::base::id::{BatchId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{LeftOutput, Output, Signal, State, Task};
use crate::domain::tenant::{Actor, Destination, Tenant};

/// Tasks read at once.
const PAGE_TASKS: usize = 100;
/// After what time a step begins no other page.
const TIME_MAX_MS: u64 = 10_000;

/// What the operator wants of an erasure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erasure {
    /// The outputs in buckets of this installation's own S3 server go too. Those in tenants' own
    /// buckets are the tenants'.
    pub outputs: bool,
    /// Only count.
    pub dry_run: bool,
}

/// What one step did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasureStep {
    pub erased: usize,
    /// Tasks that were erased or deleted before.
    pub erased_before: usize,
    /// Tasks that the provider has, or may have: they are erased by a later run.
    pub running: usize,
    /// Batches that had not ended: no more of their lines are admitted.
    pub batches_cancelled: usize,
    pub outputs_removed: usize,
    /// Outputs that lie in buckets of others, or that were not to be removed.
    pub outputs_left: usize,
    /// Where the next step begins; `None` for the last one.
    pub next: Option<String>,
    /// For how long the next step has nothing to do: another process may still seal with a key
    /// that is to be removed.
    pub wait_ms: u64,
}

/// Where an erasure is, of what was made before it began.
struct Cursor {
    began: Timestamp,
    place: Place,
}

/// Batches come first, newest first; then the tasks, oldest first.
enum Place {
    /// Older ones than this one.
    Batches(Option<BatchId>),
    /// Behind this one.
    Tasks(Option<TaskId>),
}

impl OperatorTasks {
    /// One bounded step over a tenant's tasks, oldest first; those that were made after the first
    /// step began are left. Batches that go on and tasks that wait are cancelled. A deleted
    /// tenant's are erased too. The last step removes the keys that all of it was sealed with, but
    /// for those of months with tasks that still run.
    ///
    /// Kind `NotFound` for a name that never was a tenant's; kind `Invalid` with code
    /// `invalid_cursor` for a cursor that is none.
    pub async fn erase(
        &self,
        tenant: &TenantId,
        erasure: Erasure,
        cursor: Option<&str>,
        actor: &Actor,
    ) -> Result<ErasureStep> {
        let mut step = ErasureStep::default();
        let cursor = cursor.map(Cursor::parse).transpose()?;
        let record = self.tenant_or_deleted(tenant).await?;
        if cursor.is_none() {
            self.record_erasure(tenant, erasure, None, actor).await?;
            let cancelling = self.batches.cancel_all(tenant, erasure.dry_run);
            step.batches_cancelled = cancelling.await?;
        }
        let started = self.context.now();
        let Cursor { began, place } = match cursor {
            Some(cursor) => cursor,
            None if erasure.dry_run => Cursor::tasks(started, None),
            None => Cursor {
                began: self.context.renew_input_key(tenant).await?,
                place: Place::Batches(None),
            },
        };
        let mut after = match place {
            Place::Tasks(after) => after,
            Place::Batches(before) => {
                let until = started.plus_ms(TIME_MAX_MS);
                let erasing = self.batches.erase_all(tenant, began, before, until);
                if let Some(before) = erasing.await? {
                    let place = Place::Batches(Some(before));
                    step.next = Some(Cursor { began, place }.to_string());
                    return Ok(step);
                }
                None
            }
        };
        loop {
            let tasks = self.context.tasks();
            let page = tasks.list_after(tenant, after.as_ref(), PAGE_TASKS).await?;
            let is_last = page.len() < PAGE_TASKS || page.iter().any(|it| it.created_at >= began);
            for task in page.into_iter().filter(|it| it.created_at < began) {
                after = Some(task.id.clone());
                self.erase_one(task, record.as_ref(), erasure, &mut step)
                    .await?;
            }
            if is_last && !erasure.dry_run {
                self.erase_keys(tenant, began, &mut step).await?;
            }
            let is_late = self.context.now().since_ms(started) >= TIME_MAX_MS;
            if is_late && !is_last || step.wait_ms > 0 {
                step.next = Some(Cursor::tasks(began, after).to_string());
                return Ok(step);
            }
            if is_last {
                return Ok(step);
            }
        }
    }

    /// What was sealed before the erasure began cannot be read any more, in no backup either. Says
    /// how long to wait instead where somebody may not know of the new key yet.
    async fn erase_keys(
        &self,
        tenant: &TenantId,
        began: Timestamp,
        step: &mut ErasureStep,
    ) -> Result<()> {
        let (context, now) = (&self.context, self.context.now());
        let settles_ms = context.data_keys().input_keys_settle_ms();
        step.wait_ms = began.plus_ms(settles_ms).since_ms(now);
        if step.wait_ms > 0 {
            return Ok(());
        }
        let until = now.plus_ms(TIME_MAX_MS);
        context.remove_input_keys(tenant, began, until).await
    }

    /// The same for one task, by a bounded step: the first one erases the task, and those after it
    /// go on looking for its name in the tenant's batches. One that was erased before stays so.
    ///
    /// Kind `NotFound`; kind `Conflict` with code `task_sent` for one that the provider has, or may
    /// have; kind `Invalid` with code `invalid_cursor` for a cursor that is none.
    pub async fn erase_task(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        erasure: Erasure,
        cursor: Option<&str>,
        actor: &Actor,
    ) -> Result<ErasureStep> {
        let before = cursor.map(batch_of).transpose()?;
        let until = self.context.now().plus_ms(TIME_MAX_MS);
        let task = self.context.tasks().get(tenant, id).await?;
        let mut step = ErasureStep::default();
        if before.is_none() {
            let record = self.tenant_or_deleted(tenant).await?;
            self.record_erasure(tenant, erasure, Some(id), actor)
                .await?;
            self.erase_one(task.clone(), record.as_ref(), erasure, &mut step)
                .await?;
        }
        if step.running > 0 {
            let text = "the task was sent to the model's provider, which cannot stop it; erase it when it has ended";
            return Err(Error::new(Kind::Conflict, "task_sent", text).retry(Retry::Never));
        }
        if !erasure.dry_run {
            let left = self.batches.erase_references(&task, before, until).await?;
            step.next = left.map(|batch| format!("~{batch}"));
        }
        Ok(step)
    }

    /// What lies elsewhere goes first: a task that says that it is erased has left nothing.
    async fn erase_one(
        &self,
        task: Task,
        tenant: Option<&Tenant>,
        erasure: Erasure,
        step: &mut ErasureStep,
    ) -> Result<()> {
        if task.deleted.is_some() {
            step.erased_before += 1;
            // Its tenant's deletion may have left them, or a delivery was under way.
            if !erasure.dry_run {
                self.machine.erase_answers(&task).await?;
            }
            return self.left_outputs(task, tenant, erasure, step).await;
        }
        if erasure.dry_run {
            if !task.state.is_end() && task.state != State::Admitted {
                step.running += 1;
                return Ok(());
            }
            step.erased += 1;
            return self.outputs(&task, tenant, erasure, step).await;
        }
        let span = task_span(&task);
        let tenant_id = task.tenant.clone();
        let erased = async {
            let task = self.machine.ended(task).await?;
            if !task.state.is_end() {
                return Ok(DeletionOutcome::Sent);
            }
            self.outputs(&task, tenant, erasure, step).await?;
            self.machine.erase_answers(&task).await?;
            let id = task.id.clone();
            let outcome = self.machine.delete(task).await?;
            if erasure.outputs && outcome != DeletionOutcome::Sent {
                let task = self.context.tasks().get(&tenant_id, &id).await?;
                self.machine.signal(task, Signal::OutputsRemoved).await?;
            }
            Ok(outcome)
        };
        match erased.instrument(span).await? {
            DeletionOutcome::Done => step.erased += 1,
            DeletionOutcome::NoTask => step.erased_before += 1,
            DeletionOutcome::Sent => step.running += 1,
        }
        Ok(())
    }

    /// What an erased task left in the installation's own store.
    async fn left_outputs(
        &self,
        task: Task,
        tenant: Option<&Tenant>,
        erasure: Erasure,
        step: &mut ErasureStep,
    ) -> Result<()> {
        let left = task.deleted.as_ref().map(|deleted| &deleted.left);
        let outputs: Vec<Output> = left.into_iter().flatten().map(LeftOutput::output).collect();
        if outputs.is_empty() {
            return Ok(());
        }
        let named = Task {
            outputs,
            ..task.clone()
        };
        self.outputs(&named, tenant, erasure, step).await?;
        if erasure.outputs && !erasure.dry_run {
            self.machine.signal(task, Signal::OutputsRemoved).await?;
        }
        Ok(())
    }

    /// Removes what may be removed, or only counts it.
    async fn outputs(
        &self,
        task: &Task,
        tenant: Option<&Tenant>,
        erasure: Erasure,
        step: &mut ErasureStep,
    ) -> Result<()> {
        for output in &task.outputs {
            let place = destination_of(output, tenant).filter(|_| erasure.outputs);
            let is_removed = match &place {
                None => false,
                Some(place) if erasure.dry_run => self.operator.is_own(place),
                Some(place) => {
                    let removed = self.operator.remove_own_output(&task.tenant, place, output);
                    removed.await?
                }
            };
            match is_removed {
                true => step.outputs_removed += 1,
                false => step.outputs_left += 1,
            }
        }
        Ok(())
    }

    /// `None` for a deleted tenant. Kind `NotFound` for one that never was.
    async fn tenant_or_deleted(&self, id: &TenantId) -> Result<Option<Tenant>> {
        match self.context.tenants().get(id).await {
            Ok(tenant) => Ok(Some(tenant)),
            Err(error) if error.kind == Kind::NotFound => {
                let tasks = self.context.tasks().list(id, None, 1).await?;
                if tasks.is_empty() {
                    Err(error)
                } else {
                    Ok(None)
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Recorded first, so that nothing is done without a record.
    async fn record_erasure(
        &self,
        tenant: &TenantId,
        erasure: Erasure,
        task: Option<&TaskId>,
        actor: &Actor,
    ) -> Result<()> {
        if erasure.dry_run {
            return Ok(());
        }
        let mut detail = json!({ "outputs": erasure.outputs });
        if let Some(task) = task {
            detail["task"] = Value::from(task.as_str());
        }
        self.operator.record_erasure(tenant, detail, actor).await
    }
}

/// `None` for a store that nobody knows any more.
fn destination_of(output: &Output, tenant: Option<&Tenant>) -> Option<Destination> {
    match tenant {
        Some(tenant) => Some(tenant.destination_of(output).clone()),
        None if output.store.is_some() => None,
        None => Some(Destination {
            bucket: output.bucket.clone(),
            ..Destination::default()
        }),
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.began.0)?;
        match &self.place {
            Place::Batches(before) => write!(f, "~{}", before.as_ref().map_or("", BatchId::as_str)),
            Place::Tasks(after) => f.write_str(after.as_ref().map_or("", TaskId::as_str)),
        }
    }
}

impl Cursor {
    fn tasks(began: Timestamp, after: Option<TaskId>) -> Self {
        Self {
            began,
            place: Place::Tasks(after),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let parts = text.split_once('.');
        let parsed = parts.and_then(|(began, place)| {
            Some(Self {
                began: Timestamp(began.parse().ok()?),
                place: Place::parse(place)?,
            })
        });
        parsed.ok_or_else(Error::invalid_cursor)
    }
}

/// Of the erasure of one task: the batch behind which it goes on.
fn batch_of(cursor: &str) -> Result<BatchId> {
    match Place::parse(cursor) {
        Some(Place::Batches(Some(batch))) => Ok(batch),
        _ => Err(Error::invalid_cursor()),
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let batch = text.strip_prefix('~').map(BatchId::parse);
        match batch {
            Some(batch) => Some(Self::Batches(Some(batch.ok()?))),
            None if text.is_empty() => Some(Self::Tasks(None)),
            None => Some(Self::Tasks(Some(TaskId::parse(text).ok()?))),
        }
    }
}
