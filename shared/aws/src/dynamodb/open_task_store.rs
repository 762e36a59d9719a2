//! A tenant's open tasks: one item with the ids of those that were open when somebody last looked,
//! and how far that look reached. Tasks themselves cost no further write.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::OpenTaskStore;
use fluxgate_core::port::errors::version_moved;
use fluxgate_core::task::{OpenSet, Task};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, number};
use super::key::Key;
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, json_item, task_item};

impl Key {
    /// Its sort key is outside the range of the tasks.
    fn open_tasks(tenant: &TenantId) -> Self {
        Self::of(tenant, "OPEN")
    }
}

#[async_trait]
impl OpenTaskStore for DynamoStore {
    async fn open_set(&self, tenant: &TenantId) -> Result<OpenSet> {
        set_in(self.table.get(&Key::open_tasks(tenant)).await?)
    }

    async fn open_set_eventual(&self, tenant: &TenantId) -> Result<OpenSet> {
        let key = Key::open_tasks(tenant);
        set_in(self.table.get_eventual(&key, None).await?)
    }

    async fn save_open_set(&self, tenant: &TenantId, set: &OpenSet) -> Result<()> {
        let write = Write::put(Key::open_tasks(tenant), json_item::to_item(set)?);
        let write = match set.version {
            1 => write.when("attribute_not_exists(#pk)"),
            version => write
                .when("#version = :version")
                .with(":version", number(version.saturating_sub(1))),
        };
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => Ok(()),
            WriteOutcome::Refused(_) => Err(version_moved(
                "the set of open tasks was saved by another look meanwhile",
            )),
        }
    }

    async fn tasks_by_id(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Task>> {
        in_order(tenant, &self.table.get_all(&keys(tenant, ids)).await?)
    }

    async fn tasks_by_id_eventual(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Task>> {
        let found = self.table.get_all_eventual(&keys(tenant, ids)).await?;
        in_order(tenant, &found)
    }
}

fn set_in(found: Option<Item>) -> Result<OpenSet> {
    match found {
        Some(item) => json_item::from_item(&item),
        None => Ok(OpenSet {
            read_to: Some(TaskId::lowest_at(Timestamp(0))),
            ..OpenSet::default()
        }),
    }
}

fn keys(tenant: &TenantId, ids: &[TaskId]) -> Vec<Key> {
    ids.iter().map(|id| Key::task(tenant, id)).collect()
}

fn in_order(tenant: &TenantId, found: &[Item]) -> Result<Vec<Task>> {
    let found = found.iter().filter(|item| !task_item::is_void(item));
    let mut tasks: Vec<Task> = found
        .map(|item| task_item::from_item(tenant, item))
        .collect::<Result<_>>()?;
    tasks.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(tasks)
}
