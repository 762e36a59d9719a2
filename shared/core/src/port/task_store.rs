//! Tasks, their inputs and their timelines.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{RunId, TaskId, TenantId};
use crate::base::time::Timestamp;
#[cfg(doc)]
use crate::domain::money::Account;
#[cfg(doc)]
use crate::domain::task::NOTED_STEPS_MAX;
use crate::domain::task::{Admission, Change, Idempotency, Step, Task};

/// What became of an admission.
#[derive(Debug, Clone, PartialEq)]
pub enum Admitted {
    /// The task as it was written: with what the account keeps for it.
    New(Box<Task>),
    /// The idempotency key stands for this task, and for the same request.
    Existing(Box<Task>),
}

/// Tasks with everything that changes together with them.
#[async_trait]
pub trait TaskStore: Send + Sync {
    /// Writes task, inputs, steps, hold, ledger entry and watch job; durable when it returns. From
    /// then on the key stands for the task; whatever fails or is cut off, at most one task is
    /// written for a key. A wake that the admission asks for is sent with it, and only with it.
    ///
    /// With a key already used for the same request: `Existing`, and nothing is written. For
    /// another request: kind `KeyReused`. What the account cannot bear fails as [`Account::hold`]
    /// does: nothing is written, and the key is as free as it was. An expired key is as if it had
    /// never been used.
    async fn admit(&self, admission: Admission) -> Result<Admitted>;

    /// The task that a key stands for, so that a repeated submit is answered before anything else
    /// is asked of the world. Kind `KeyReused` as in `admit`, which decides: this may be a moment
    /// late.
    async fn existing(
        &self,
        tenant: &TenantId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Task>>;

    /// Kind `NotFound` for an id that does not exist or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &TaskId) -> Result<Task>;

    /// As `get`, for half the price where that counts: it may be a moment late about changes, never
    /// about whether there is such a task. A change that is made from a late one is a `Conflict`.
    async fn get_eventual(&self, tenant: &TenantId, id: &TaskId) -> Result<Task>;

    /// The inputs as they were admitted: one JSON object. Empty once the task is over when it did
    /// not complete, for then nobody paid for their room, and when they were large. Mid-sized ones
    /// may also be empty some days after the end: an adapter may let them expire. Kind `NotFound`
    /// as in `get`.
    async fn inputs(&self, tenant: &TenantId, id: &TaskId) -> Result<String>;

    /// Applies a change whole: task, settlement with ledger entries, steps, jobs, deliveries;
    /// durable when it returns.
    ///
    /// Kind `Conflict`, and nothing is written, when the stored version is not the expected one.
    /// The first task to name an the provider run owns it: a change that names a run owned by
    /// another task is a `Conflict` with code `run_claimed`. A change to an end removes the watch
    /// job, unless the end is still to be told.
    async fn apply(&self, change: &Change) -> Result<()>;

    /// Which of these the provider runs belong to a task already, of any tenant.
    async fn claimed(&self, runs: &[RunId]) -> Result<Vec<RunId>>;

    /// Adds a line to the timeline without changing the task. A timeline of [`NOTED_STEPS_MAX`]
    /// lines or more takes no further note, so that notes never take the room of a change.
    async fn note(&self, tenant: &TenantId, id: &TaskId, step: &Step) -> Result<()>;

    /// As `note`, over a timeline of so many lines: kind `Conflict`, and nothing is written, when
    /// it has others by now.
    async fn note_over(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        lines: usize,
        step: &Step,
    ) -> Result<()>;

    /// Every step of one task, oldest first.
    async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<Vec<Step>>;

    /// The tenant's tasks, newest first, older than `before` when given, which need not be a task's
    /// id.
    async fn list(
        &self,
        tenant: &TenantId,
        before: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>>;

    /// The tenant's tasks, oldest first, younger than `after` when given, which need not be a
    /// task's id.
    async fn list_after(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>>;
}
