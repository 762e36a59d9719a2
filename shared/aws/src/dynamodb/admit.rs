//! Admission: the watch and cold inputs first, then task, hold and idempotency key in one transaction.

use std::time::Duration;

use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::job::{Delayed, Job};
use fluxgate_core::port::Admitted;
use fluxgate_core::task::{Admission, Idempotency, Task};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind, Result};

use super::attribute::{Item, Reader, bytes, number, text};
use super::error::contention;
use super::key::{EXPIRES_AT, Key};
use super::transact::Outcome;
use super::write::Write;
use super::{DynamoStore, account, inputs, step_item, task_item};

/// How often an admission is tried again when what refused it is gone a moment later.
const ROUNDS_MAX: usize = 4;
/// How often, and how long apart, a task is looked for that its key already names: they become visible together, but not at the
/// same instant to two single reads.
const LOOKS_MAX: usize = 5;
const LOOK_AGAIN: Duration = Duration::from_millis(40);

const REQUEST: &str = "request";
const TASK: &str = "task";
/// When the key may be used afresh. The TTL attribute counts in seconds, and DynamoDB takes its time.
const EXPIRES_MS: &str = "expires_ms";

/// The writes of one admission, and where in the transaction they are.
struct Writes {
    writes: Vec<Write>,
    key: Option<usize>,
    hold: Option<usize>,
}

impl DynamoStore {
    pub(super) async fn admit_task(&self, admission: &Admission) -> Result<Admitted> {
        let task = &admission.task;
        let hold = account::hold(&task.tenant, task.price)?;
        // Of an admission that is refused the watch finds no task, and dies.
        let watch = Job::Watch { tenant: task.tenant.clone(), task: task.id.clone(), round: 0 };
        self.queue.send(&[Delayed { job: watch, after_ms: admission.watch_after_ms }]).await?;
        let writes = writes(admission, self.with_inputs(admission).await?, hold);
        for _ in 0..ROUNDS_MAX {
            let refused = match self.table.write(&writes.writes).await? {
                Outcome::Written => return Ok(Admitted::New),
                Outcome::Refused(refused) => refused,
            };
            if let Some(admitted) = self.answer_refusal(admission, &writes, &refused).await? {
                return Ok(admitted);
            }
        }
        Err(contention())
    }

    /// The task's item, its inputs within it or already written beside it.
    async fn with_inputs(&self, admission: &Admission) -> Result<Item> {
        let task = &admission.task;
        let mut item = task_item::to_item(task, step_item::to_attributes(&admission.steps)?)?;
        if task_item::holds_inputs(&Key::task(&task.tenant, &task.id), &item, &admission.inputs) {
            item.insert(task_item::INPUTS.to_owned(), text(&admission.inputs));
        } else {
            let parts = Box::pin(inputs::write(&self.table, admission)).await?;
            item.insert(task_item::INPUTS_PARTS.to_owned(), number(parts as u64));
        }
        Ok(item)
    }

    /// `None` when what refused is gone and the admission is to be tried again.
    async fn answer_refusal(
        &self,
        admission: &Admission,
        writes: &Writes,
        refused: &[Option<Item>],
    ) -> Result<Option<Admitted>> {
        let task = &admission.task;
        let refusal = |index: Option<usize>| index.and_then(|index| refused.get(index)).and_then(Option::as_ref);
        if let Some(earlier) = refusal(Some(0)) {
            return ours(task, earlier).map(Some);
        }
        if let (Some(idempotency), Some(found)) = (&admission.idempotency, refusal(writes.key)) {
            let id = owner(found, idempotency)?;
            if id == task.id {
                return Ok(Some(Admitted::New));
            }
            return self.task_of_key(&task.tenant, &id).await.map(|task| Some(Admitted::Existing(Box::new(task))));
        }
        let Some(account) = refusal(writes.hold) else { return Ok(None) };
        // The money may be gone to the very task that the key stands for.
        if let Some(idempotency) = &admission.idempotency
            && let Some(task) = self.existing_task(&task.tenant, idempotency, task.created_at).await?
        {
            return Ok(Some(Admitted::Existing(Box::new(task))));
        }
        account::hold_refused(account, task.price).map_or(Ok(None), Err)
    }

    pub(super) async fn existing_task(
        &self,
        tenant: &TenantId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Task>> {
        let Some(found) = self.table.get(&Key::idempotency(tenant, &idempotency.key)).await? else { return Ok(None) };
        if Reader(&found).number::<i64>(EXPIRES_MS)? <= now.0 {
            return Ok(None);
        }
        self.task_of_key(tenant, &owner(&found, idempotency)?).await.map(Some)
    }

    async fn task_of_key(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        for _ in 0..LOOKS_MAX {
            if let Some(item) = self.table.get(&Key::task(tenant, id)).await? {
                return task_item::from_item(tenant, &item);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(contention())
    }
}

fn writes(admission: &Admission, item: Item, hold: Option<Write>) -> Writes {
    let task = &admission.task;
    let mut writes = vec![Write::put(Key::task(&task.tenant, &task.id), item).when("attribute_not_exists(#pk)")];
    let mut push = |write: Option<Write>| {
        write.map(|write| {
            writes.push(write);
            writes.len() - 1
        })
    };
    let key = push(admission.idempotency.as_ref().map(|idempotency| remember_key(task, idempotency)));
    let hold = push(hold);
    Writes { writes, key, hold }
}

fn remember_key(task: &Task, idempotency: &Idempotency) -> Write {
    let item = Item::from([
        (REQUEST.to_owned(), bytes(idempotency.request)),
        (TASK.to_owned(), text(task.id.as_str())),
        (EXPIRES_MS.to_owned(), number(idempotency.expires_at.0)),
        (EXPIRES_AT.to_owned(), number(idempotency.expires_at.seconds() + 1)),
    ]);
    Write::put(Key::idempotency(&task.tenant, &idempotency.key), item)
        .when("attribute_not_exists(#pk) OR #expires_ms <= :now")
        .with(":now", number(task.created_at.0))
}

/// An id is made for one admission: who finds it taken finds its own earlier try, whose answer was lost. If the task has moved on
/// since, it must not be sent once more.
fn ours(task: &Task, earlier: &Item) -> Result<Admitted> {
    let earlier = task_item::from_item(&task.tenant, earlier)?;
    Ok(if earlier == *task { Admitted::New } else { Admitted::Existing(Box::new(earlier)) })
}

/// The task that the key stands for, unless it stands for another request.
fn owner(found: &Item, idempotency: &Idempotency) -> Result<TaskId> {
    if Reader(found).bytes(REQUEST)? == idempotency.request {
        return TaskId::parse(Reader(found).text(TASK)?);
    }
    Err(Error::new(
        Kind::KeyReused,
        "idempotency_key_reused",
        "this Idempotency-Key was used for another request; use a new key for a new request",
    )
    .field("Idempotency-Key"))
}
