//! Tasks, their inputs and their timelines.

use async_trait::async_trait;
use futures::future::join_all;

use crate::base::error::Result;
use crate::base::id::{RunId, TaskId, TenantId};
use crate::base::seal::StoredText;
use crate::base::time::Timestamp;
#[cfg(doc)]
use crate::domain::money::Account;
use crate::domain::task::{Admission, Change, Idempotency, Step, Task};
#[cfg(doc)]
use crate::domain::task::{NOTED_STEPS_MAX, RETRY_INPUTS_BYTES_MAX, RETRY_INPUTS_KEPT_MS};

/// The result of an admission.
#[derive(Debug, Clone, PartialEq)]
pub enum Admitted {
    /// The task as written, including its hold.
    New(Box<Task>),
    /// The idempotency key belongs to this task, which has the same request.
    Existing(Box<Task>),
}

/// Tasks, with everything that changes together with them.
#[async_trait]
pub trait TaskStore: Send + Sync {
    /// Writes task, inputs, steps, hold, ledger entry and watch job; durable when it returns. From
    /// then on the key belongs to the task; even after failures and crashes, at most one task is
    /// written per key. A wake requested by the admission is sent with it, and only with it.
    ///
    /// With a key already used for the same request: `Existing`, and nothing is written. For
    /// another request: kind `KeyReused`. If the account cannot cover it, it fails as
    /// [`Account::hold`] does: nothing is written, and the key stays free. An expired key counts as
    /// never used.
    async fn admit(&self, admission: Admission) -> Result<Admitted>;

    /// The task that a key belongs to, so that a repeated submit is answered before any other work.
    /// Kind `KeyReused` as in `admit`, which is authoritative: this may be slightly stale.
    async fn existing(
        &self,
        tenant: &TenantId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Task>>;

    /// Kind `NotFound` for an id that does not exist or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &TaskId) -> Result<Task>;

    /// As `get`, at half the price where that matters: may be slightly stale about changes, but
    /// never about whether the task exists. A change based on a stale read is a `Conflict`.
    async fn get_eventual(&self, tenant: &TenantId, id: &TaskId) -> Result<Task>;

    /// The inputs as admitted, sealed or not. An empty JSON object once the task has ended if they
    /// were large; of a task that did not complete, for which nobody pays, if they had more than
    /// [`RETRY_INPUTS_BYTES_MAX`], and [`RETRY_INPUTS_KEPT_MS`] after its end. Mid-sized inputs may
    /// also be empty some days after the end, because an adapter may let them expire. Empty for a
    /// deleted task. Kind `NotFound` as in `get`.
    async fn inputs(&self, tenant: &TenantId, id: &TaskId) -> Result<StoredText>;

    /// Removes inputs that have expired by then: so many at most. Returns how many there were.
    /// Where items expire by themselves there are none to remove.
    async fn expire_inputs(&self, now: Timestamp, limit: usize) -> Result<usize>;

    /// Applies a change atomically: task, settlement with ledger entries, steps, jobs, deliveries;
    /// durable when it returns.
    ///
    /// Kind `Conflict`, and nothing is written, if the stored version is not the expected one. The
    /// first task to name a provider run owns it: a change that names a run owned by another task
    /// is a `Conflict` with code `run_claimed`. A change to an end state removes the watch job,
    /// unless the end still has to be announced. A change that deletes the task erases its inputs
    /// and what its timeline says in detail: see [`Step::erased`].
    async fn apply(&self, change: &Change) -> Result<()>;

    /// Applies each of these changes, of different tasks, as `apply` does. The outcomes are in
    /// their order, and each is of its own change alone: one that cannot be written keeps no other
    /// from being. A store may write several in one transaction where that costs less.
    async fn apply_each(&self, changes: &[Change]) -> Vec<Result<()>> {
        join_all(changes.iter().map(|change| self.apply(change))).await
    }

    /// Which of these provider runs already belong to a task, of any tenant.
    async fn claimed(&self, runs: &[RunId]) -> Result<Vec<RunId>>;

    /// Adds a step to the timeline without changing the task. A timeline of [`NOTED_STEPS_MAX`]
    /// steps or more accepts no further notes, so that notes never take the room of a change.
    async fn note(&self, tenant: &TenantId, id: &TaskId, step: &Step) -> Result<()>;

    /// As `note`, over a timeline of so many lines: kind `Conflict`, and nothing is written, when
    /// it has others by now.
    async fn note_at_length(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        lines: usize,
        step: &Step,
    ) -> Result<()>;

    /// All steps of one task, oldest first.
    async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<Vec<Step>>;

    /// The tenant's tasks, newest first; only those older than `before` if given, which need not be
    /// the id of a task.
    async fn list(
        &self,
        tenant: &TenantId,
        before: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>>;

    /// The tenant's tasks, oldest first; only those newer than `after` if given, which need not be
    /// the id of a task.
    async fn list_after(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>>;

    /// As `list_after`, at half the price where that matters: may be slightly stale, also about
    /// which of the youngest tasks exist.
    async fn list_after_eventual(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        self.list_after(tenant, after, limit).await
    }

    /// Tasks of the tenant up to this one may have been removed; `None` if none was. Of those that
    /// are gone the ledger and the daily sums are what is left.
    async fn removed_to(&self, tenant: &TenantId) -> Result<Option<TaskId>>;
}
