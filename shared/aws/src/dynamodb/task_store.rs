//! Tasks: reads, notes, and the entry points to admission and change.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{RunId, TaskId, TenantId};
use fluxgate_core::port::errors::{no_such_task, timeline_grew};
use fluxgate_core::port::{Admitted, TaskStore};
use fluxgate_core::seal::StoredText;
use fluxgate_core::task::{Admission, Change, Idempotency, NOTED_STEPS_MAX, Step, Task};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, Reader, number};
use super::key::{Key, TASK_PREFIX, tenant_partition};
use super::table::{Range, partition_key};
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, inputs, retention, step_item, task_item};

#[async_trait]
impl TaskStore for DynamoStore {
    async fn admit(&self, admission: Admission) -> Result<Admitted> {
        self.admit_task(&admission).await
    }

    async fn existing(
        &self,
        tenant: &TenantId,
        idempotency: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Task>> {
        self.existing_task(tenant, idempotency, now).await
    }

    async fn get(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        task_item::from_item(tenant, &self.task_item(tenant, id).await?)
    }

    async fn get_eventual(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        task_item::from_item(tenant, &self.task_item_eventual(tenant, id).await?)
    }

    async fn inputs(&self, tenant: &TenantId, id: &TaskId) -> Result<StoredText> {
        let item = self.task_item(tenant, id).await?;
        inputs::read(&self.table, &task_item::from_item(tenant, &item)?, &item).await
    }

    async fn expire_inputs(&self, _now: Timestamp, _limit: usize) -> Result<usize> {
        Ok(0)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        match &change.task.deleted {
            Some(_) => self.erase_task(change).await,
            None => self.apply_change(change).await,
        }
    }

    async fn apply_each(&self, changes: &[Change]) -> Vec<Result<()>> {
        self.apply_together(changes).await
    }

    async fn claimed(&self, runs: &[RunId]) -> Result<Vec<RunId>> {
        let keys: HashMap<Key, &RunId> = runs.iter().map(|run| (Key::run(run), run)).collect();
        let found = self
            .table
            .get_all(&keys.keys().cloned().collect::<Vec<_>>())
            .await?;
        let claimed: HashSet<&str> = found.iter().filter_map(partition_key).collect();
        let is_claimed = |run: &&RunId| claimed.contains(Key::run(run).pk.as_str());
        Ok(runs.iter().filter(is_claimed).cloned().collect())
    }

    async fn note(&self, tenant: &TenantId, id: &TaskId, step: &Step) -> Result<()> {
        let found = self.append_note(tenant, id, None, step).await?;
        // A full timeline takes no more.
        found.map_or(Ok(()), |found| a_task(Some(found)).map(drop))
    }

    async fn note_at_length(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        lines: usize,
        step: &Step,
    ) -> Result<()> {
        let Some(found) = self.append_note(tenant, id, Some(lines), step).await? else {
            return Ok(());
        };
        if Reader(&a_task(Some(found))?).list(step_item::STEPS)?.len() == lines {
            return Ok(());
        }
        Err(timeline_grew())
    }

    async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<Vec<Step>> {
        let Ok(item) = a_task(self.table.get(&Key::task(tenant, id)).await?) else {
            return Ok(Vec::new());
        };
        step_item::from_attributes(Reader(&item).list(step_item::STEPS)?)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        before: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        // 'g' sorts after every hexadecimal id; the range includes `before` itself, hence one more.
        let upto = before.map_or("g", TaskId::as_str);
        let items = self
            .table
            .query(Range {
                to: format!("{TASK_PREFIX}{upto}"),
                newest_first: true,
                limit: limit.saturating_add(1),
                filter: Some(task_item::IS_NO_VOID),
                ..Range::prefixed(tenant_partition(tenant), TASK_PREFIX)
            })
            .await?;
        let tasks = items.iter().map(|item| task_item::from_item(tenant, item));
        tasks
            .filter(|task| !matches!(task, Ok(task) if Some(&task.id) == before))
            .take(limit)
            .collect()
    }

    async fn list_after(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        self.tasks_after(tenant, after, limit, true).await
    }

    async fn list_after_eventual(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        self.tasks_after(tenant, after, limit, false).await
    }

    async fn removed_to(&self, tenant: &TenantId) -> Result<Option<TaskId>> {
        retention::removed_to(&self.table, tenant).await
    }
}

impl DynamoStore {
    async fn tasks_after(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
        consistent: bool,
    ) -> Result<Vec<Task>> {
        // The range includes `after` itself, hence one more.
        let items = self
            .table
            .query(Range {
                from: format!("{TASK_PREFIX}{}", after.map_or("", TaskId::as_str)),
                limit: limit.saturating_add(1),
                filter: Some(task_item::IS_NO_VOID),
                consistent,
                ..Range::prefixed(tenant_partition(tenant), TASK_PREFIX)
            })
            .await?;
        let tasks = items.iter().map(|item| task_item::from_item(tenant, item));
        tasks
            .filter(|task| !matches!(task, Ok(task) if Some(&task.id) == after))
            .take(limit)
            .collect()
    }

    /// Returns the existing item if it refuses the line.
    async fn append_note(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        lines: Option<usize>,
        step: &Step,
    ) -> Result<Option<Item>> {
        let steps = step_item::to_attributes(std::slice::from_ref(step))?;
        let mut note = Write::update(Key::task(tenant, id))
            .when("attribute_exists(#version) AND size(#steps) < :most")
            .with(":most", number(NOTED_STEPS_MAX as u64))
            .append(step_item::STEPS, steps);
        if let Some(lines) = lines {
            note = note
                .and("size(#steps) = :lines")
                .with(":lines", number(lines as u64));
        }
        match self.table.write(&[note]).await? {
            WriteOutcome::Written => Ok(None),
            WriteOutcome::Refused(found) => {
                Ok(Some(found.into_iter().next().flatten().unwrap_or_default()))
            }
        }
    }

    pub(super) async fn task_item_eventual(&self, tenant: &TenantId, id: &TaskId) -> Result<Item> {
        let key = Key::task(tenant, id);
        a_task(self.table.get_eventual_or_get(&key, None).await?)
    }

    pub(super) async fn task_item(&self, tenant: &TenantId, id: &TaskId) -> Result<Item> {
        a_task(self.table.get(&Key::task(tenant, id)).await?)
    }
}

/// The item at a task's key, if it is a task.
fn a_task(found: Option<Item>) -> Result<Item> {
    found
        .filter(|item| !item.is_empty() && !task_item::is_void(item))
        .ok_or_else(no_such_task)
}
