//! Tasks that were kept long enough. A task's item is its own ledger line, so its line goes into a
//! pack before the item is deleted: deleting it costs what an expiry would, and takes effect at
//! once. All other items expire by themselves.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{Subject, TaskId, TenantId};
use fluxgate_core::money::Month;
use fluxgate_core::port::errors::{task_changed, version_moved};
use fluxgate_core::port::{Clock as _, Removed, RetentionStore, SystemClock};
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use tokio::task::JoinSet;

use super::attribute::{Item, Reader, number, text};
use super::key::{Key, TASK_PREFIX, tenant_partition};
use super::movements::{MOVEMENTS, Movements};
use super::table::{Range, Table};
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, delivery_item, packs, task_item};

const REMOVED_TO: &str = "removed_to";
const BEFORE: &str = "before";
/// Items deleted at once.
const DELETES_AT_ONCE: usize = 16;

impl Key {
    /// How far the tenant's tasks were removed.
    fn removal(tenant: &TenantId) -> Self {
        Self::of(tenant, "REMOVAL")
    }

    /// How far everybody's were.
    fn removal_pass() -> Self {
        Self {
            pk: "FLUXGATE".to_owned(),
            sk: "REMOVAL".to_owned(),
        }
    }
}

/// How far a tenant's tasks were removed: up to and including this one their lines are in packs.
#[derive(Debug, Default)]
struct Removal {
    version: u64,
    to: Option<TaskId>,
}

#[async_trait]
impl RetentionStore for DynamoStore {
    async fn remove_tasks(&self, tenant: &TenantId, tasks: &[Task]) -> Result<Removed> {
        let removal = removal(&self.table, tenant).await?;
        // These were packed before, and their deletion was interrupted.
        let packed = tasks
            .iter()
            .take_while(|task| Some(&task.id) <= removal.to.as_ref());
        let packed = packed.count();
        let added = self.pack(tenant, &removal, &tasks[packed..]).await?;
        let removed = &tasks[..packed + added];
        self.delete_tasks(tenant, removed).await?;
        Ok(Removed {
            count: removed.len(),
            through: removed.last().map(|task| task.id.clone()),
        })
    }

    /// Their keys are removed instead: each would be a write.
    async fn drop_inputs(&self, _: &TenantId, _: &TaskId, _: usize) -> Result<usize> {
        Ok(0)
    }

    async fn removed_before(&self) -> Result<Timestamp> {
        let pass = self.table.get_eventual(&Key::removal_pass(), None).await?;
        let before = Reader(&pass.unwrap_or_default()).optional_number(BEFORE)?;
        Ok(Timestamp(before.unwrap_or(i64::MIN)))
    }

    async fn save_removed_before(&self, moment: Timestamp) -> Result<()> {
        let later = Write::update(Key::removal_pass())
            .when("attribute_not_exists(#before) OR #before < :before")
            .set(BEFORE, number(moment.0));
        self.table.write(&[later]).await.map(drop)
    }

    async fn expire_idempotency_keys(&self, _: Timestamp, _: usize) -> Result<usize> {
        Ok(0)
    }

    async fn expire_key_use(&self, _: Month, _: usize) -> Result<usize> {
        Ok(0)
    }

    async fn expire_dead_letters(&self, _: Timestamp, _: usize) -> Result<usize> {
        Ok(0)
    }
}

/// Zero if nothing was removed yet.
async fn removal(table: &Table, tenant: &TenantId) -> Result<Removal> {
    let Some(item) = table.get(&Key::removal(tenant)).await? else {
        return Ok(Removal::default());
    };
    let reader = Reader(&item);
    Ok(Removal {
        version: reader.number("version")?,
        to: Some(TaskId::parse(reader.text(REMOVED_TO)?)?),
    })
}

pub(super) async fn removed_to(table: &Table, tenant: &TenantId) -> Result<Option<TaskId>> {
    removal(table, tenant).await.map(|removal| removal.to)
}

impl DynamoStore {
    /// Writes the lines of the first of these tasks into a pack. Returns how many those are: no
    /// more than fit, and none from the first on with a delivery that is kept.
    async fn pack(&self, tenant: &TenantId, removal: &Removal, tasks: &[Task]) -> Result<usize> {
        let items = self.as_they_were_read(tenant, removal, tasks).await?;
        let mut lines = Vec::with_capacity(items.len());
        for (task, item) in tasks.iter().zip(&items) {
            if has_deliveries(task, item)? {
                break;
            }
            lines.push(Movements::of_item(item)?.to_line());
        }
        lines.truncate(packs::fitting(&lines));
        let packed = &tasks[..lines.len()];
        let (Some(first), Some(last)) = (packed.first(), packed.last()) else {
            return Ok(0);
        };
        let pack = packs::put(tenant, &first.id, &last.id, &lines);
        let moved = removal.moved(tenant, &last.id);
        match self.table.write(&[pack, moved]).await? {
            WriteOutcome::Written => Ok(packed.len()),
            WriteOutcome::Refused(_) => {
                Err(version_moved("another removes the tenant's old tasks"))
            }
        }
    }

    /// Their items. Fails as a change does if one is not as it was, or there is another task
    /// between what was removed and the last of them: nothing is removed that is in no pack.
    async fn as_they_were_read(
        &self,
        tenant: &TenantId,
        removal: &Removal,
        tasks: &[Task],
    ) -> Result<Vec<Item>> {
        let Some(last) = tasks.last() else {
            return Ok(Vec::new());
        };
        // '!' sorts before every character of an id: this is what follows the last key.
        let from = removal.to.as_ref().map(|to| format!("{TASK_PREFIX}{to}!"));
        let projection = format!("{MOVEMENTS}, #version, #deliveries");
        let range = Range {
            from: from.unwrap_or_else(|| TASK_PREFIX.to_owned()),
            to: format!("{TASK_PREFIX}{}", last.id),
            projection: Some(&projection),
            filter: Some(task_item::IS_NO_VOID),
            ..Range::prefixed(tenant_partition(tenant), TASK_PREFIX)
        };
        let items = self.table.query(range).await?;
        let is_as_read = |(item, task): (&Item, &Task)| -> Result<bool> {
            let version: u64 = Reader(item).number("version")?;
            Ok(task_item::task_id(item)? == task.id && version == task.version)
        };
        let mut unchanged = items.len() == tasks.len();
        for pair in items.iter().zip(tasks) {
            unchanged = unchanged && is_as_read(pair)?;
        }
        unchanged.then_some(items).ok_or_else(task_changed)
    }

    /// Several at a time. Each is in a pack, whatever happens to it meanwhile.
    async fn delete_tasks(&self, tenant: &TenantId, tasks: &[Task]) -> Result<()> {
        for tasks in tasks.chunks(DELETES_AT_ONCE) {
            let mut deletes = JoinSet::new();
            for task in tasks {
                let (table, key) = (self.table.clone(), Key::task(tenant, &task.id));
                deletes.spawn(async move { table.write(&[Write::delete(key)]).await });
            }
            for deleted in deletes.join_all().await {
                deleted?;
            }
        }
        Ok(())
    }
}

impl Removal {
    fn moved(&self, tenant: &TenantId, to: &TaskId) -> Write {
        let item = Item::from([
            ("version".to_owned(), number(self.version + 1)),
            (REMOVED_TO.to_owned(), text(to.as_str())),
        ]);
        let write = Write::put(Key::removal(tenant), item);
        match self.version {
            0 => write.when("attribute_not_exists(#pk)"),
            version => write
                .when("#version = :expected")
                .with(":expected", number(version)),
        }
    }
}

fn has_deliveries(task: &Task, item: &Item) -> Result<bool> {
    let subject = Subject::Task(task.id.clone());
    let deliveries = delivery_item::listed(&task.tenant, &subject, item)?;
    let now = SystemClock.now();
    Ok(deliveries.iter().any(|listed| !listed.is_expired(now)))
}
