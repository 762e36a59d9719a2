//! Which task an `Idempotency-Key` belongs to. Its item is written before the transaction that
//! admits the task, because inside it would cost twice as much.
//!
//! A task with a key is only written after the key's item names it. The key of a task that was
//! never written is handed over together with a void at that task's key. So whoever crashes or
//! comes late, a key has at most one task.

use std::time::Duration;

use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::task::{Idempotency, Task};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind, Result};

use super::attribute::{Item, Reader, bytes, number, text};
use super::error::contention;
use super::key::{EXPIRES_AT, Key};
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, task_item};

/// How often a key is read again when it is handed over in the meantime.
const ROUNDS_MAX: usize = 4;
/// How often, and at what interval, to look for the task that a key names: its writer is most
/// likely about to write it.
const LOOKS_MAX: usize = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

const REQUEST: &str = "request";
const TASK: &str = "task";
/// When the key may be used again. The TTL attribute is in seconds, and DynamoDB deletes late.
const EXPIRES_MS: &str = "expires_ms";

impl DynamoStore {
    /// Reserves the key for a task that is about to be written. `Some` is the task that already has
    /// it.
    pub(super) async fn take_key(
        &self,
        task: &Task,
        idempotency: &Idempotency,
    ) -> Result<Option<Task>> {
        let put = put(task, idempotency)
            .when("attribute_not_exists(#pk) OR #expires_ms <= :now")
            .with(":now", number(task.created_at.0));
        for _ in 0..ROUNDS_MAX {
            let WriteOutcome::Refused(found) = self.table.write(std::slice::from_ref(&put)).await?
            else {
                return Ok(None);
            };
            let found = found.into_iter().flatten().next().unwrap_or_default();
            let named = named(&found)?;
            // An earlier attempt of this call, whose response was lost.
            if named == task.id {
                return Ok(None);
            }
            if let Some(owner) = self.appearing(&task.tenant, &named).await? {
                return owned(owner, &found, idempotency).map(Some);
            }
            if self.take_over(task, idempotency, &named).await? {
                return Ok(None);
            }
        }
        Err(contention())
    }

    /// The task of this key. May be stale: [`Self::take_key`] decides.
    pub(super) async fn existing_task(
        &self,
        tenant: &TenantId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Task>> {
        let Some(found) = self
            .table
            .get_eventual(&Key::idempotency(tenant, &idempotency.key), None)
            .await?
        else {
            return Ok(None);
        };
        if Reader(&found).number::<i64>(EXPIRES_MS)? <= now.0 {
            return Ok(None);
        }
        let named = self.task_or_void(tenant, &named(&found)?).await?;
        named
            .map(|task| owned(task, &found, idempotency))
            .transpose()
    }

    /// The task that has the key now, after it was taken from this task, at whose key there is a
    /// void.
    pub(super) async fn overtaken(&self, task: &Task, idempotency: &Idempotency) -> Result<Task> {
        let found = self
            .table
            .get(&Key::idempotency(&task.tenant, &idempotency.key))
            .await?
            .unwrap_or_default();
        match self.appearing(&task.tenant, &named(&found)?).await? {
            Some(owner) => owned(owner, &found, idempotency),
            None => Err(contention()),
        }
    }

    /// Releases the key of a refused task. If that fails, the next request with this key takes it
    /// over.
    pub(super) async fn release_key(&self, task: &Task, idempotency: &Idempotency) {
        let key = Key::idempotency(&task.tenant, &idempotency.key);
        let delete = Write::delete(key)
            .when("#task = :task")
            .with(":task", text(task.id.as_str()));
        if let Err(error) = self.table.write(&[delete]).await {
            tracing::warn!(tenant.id = %task.tenant, error = error.with_causes(), "an Idempotency-Key of a refused task was not released; the next request with it takes it over");
        }
    }

    /// Takes the key from a task that was never written and, because of the void, never will be.
    /// Returns false if that is no longer true.
    async fn take_over(
        &self,
        task: &Task,
        idempotency: &Idempotency,
        from: &TaskId,
    ) -> Result<bool> {
        let void = Write::put(
            Key::task(&task.tenant, from),
            task_item::void(expires_at(idempotency)),
        )
        .when(task_item::IS_VOID_OR_ABSENT);
        let put = put(task, idempotency)
            .when("#task = :from")
            .with(":from", text(from.as_str()));
        Ok(matches!(
            self.table.write(&[void, put]).await?,
            WriteOutcome::Written
        ))
    }

    async fn appearing(&self, tenant: &TenantId, id: &TaskId) -> Result<Option<Task>> {
        for _ in 0..LOOKS_MAX {
            match self.table.get(&Key::task(tenant, id)).await? {
                Some(item) if task_item::is_void(&item) => return Ok(None),
                Some(item) => return task_item::from_item(tenant, &item).map(Some),
                None => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
        Ok(None)
    }

    async fn task_or_void(&self, tenant: &TenantId, id: &TaskId) -> Result<Option<Task>> {
        let item = self
            .table
            .get(&Key::task(tenant, id))
            .await?
            .filter(|item| !task_item::is_void(item));
        item.map(|item| task_item::from_item(tenant, &item))
            .transpose()
    }
}

fn put(task: &Task, idempotency: &Idempotency) -> Write {
    let item = Item::from([
        (REQUEST.to_owned(), bytes(idempotency.request)),
        (TASK.to_owned(), text(task.id.as_str())),
        (EXPIRES_MS.to_owned(), number(idempotency.expires_at.0)),
        (EXPIRES_AT.to_owned(), number(expires_at(idempotency))),
    ]);
    Write::put(Key::idempotency(&task.tenant, &idempotency.key), item)
}

/// For DynamoDB's TTL, in seconds.
fn expires_at(idempotency: &Idempotency) -> i64 {
    idempotency.expires_at.seconds() + 1
}

fn named(found: &Item) -> Result<TaskId> {
    TaskId::parse(Reader(found).text(TASK)?)
}

/// The task of the key, unless the key belongs to another request.
fn owned(owner: Task, found: &Item, idempotency: &Idempotency) -> Result<Task> {
    if Reader(found).bytes(REQUEST)? == idempotency.request {
        return Ok(owner);
    }
    Err(Error::new(
        Kind::KeyReused,
        "idempotency_key_reused",
        "this Idempotency-Key was used for another request; use a new key for a new request",
    )
    .field("Idempotency-Key"))
}
