//! Deliveries: stored in their task's item until their first attempt, then in their own item.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, TenantId};
use fluxgate_core::port::DeliveryStore;
use fluxgate_core::port::errors::{delivery_changed, no_such_delivery};
use fluxgate_core::task::Task;
use fluxgate_core::webhook::{Delivery, DeliveryState};

use super::attribute::{Item, Reader, bytes, number};
use super::key::{Key, deliveries_prefix, tenant_partition};
use super::table::{Range, sort_key};
use super::transact::{CallMark, WriteOutcome};
use super::write::Write;
use super::{DynamoStore, delivery_item, task_item};

const MARK: &str = "mark";

#[async_trait]
impl DeliveryStore for DynamoStore {
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<(Delivery, Task)> {
        let keys = [Key::delivery(tenant, id), Key::task(tenant, &id.task())];
        let found = match in_items(tenant, id, &self.table.get_all_eventual(&keys).await?)? {
            Some(found) if found.0.state == DeliveryState::Pending => Some(found),
            // It may exist a moment later, or no longer be held.
            _ => in_items(tenant, id, &self.table.get_all(&keys).await?)?,
        };
        found.ok_or_else(no_such_delivery)
    }

    async fn update(&self, delivery: &Delivery) -> Result<()> {
        let mark = bytes(CallMark::fresh().as_bytes());
        let mut item = delivery_item::to_item(delivery)?;
        item.insert(MARK.to_owned(), mark.clone());
        let write = Write::put(Key::delivery(&delivery.tenant, &delivery.id), item);
        let write = match delivery.version {
            2 => write.when("attribute_not_exists(#pk)"),
            version => write
                .when("#version = :expected")
                .with(":expected", number(version.saturating_sub(1))),
        };
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => Ok(()),
            // An earlier attempt of this call, whose response was lost.
            WriteOutcome::Refused(found)
                if found
                    .iter()
                    .flatten()
                    .any(|item| item.get(MARK) == Some(&mark)) =>
            {
                Ok(())
            }
            WriteOutcome::Refused(_) => Err(delivery_changed()),
        }
    }

    async fn of_task(&self, task: &Task) -> Result<Vec<Delivery>> {
        let tenant = &task.tenant;
        let mut deliveries =
            delivery_item::from_task_item(tenant, &task.id, &self.item_of(task).await?)?;
        if deliveries.is_empty() {
            return Ok(deliveries);
        }
        let prefix = deliveries_prefix(&task.id);
        let range = Range {
            consistent: false,
            ..Range::prefixed(tenant_partition(tenant), &prefix)
        };
        let tried: Vec<Delivery> = self
            .table
            .query(range)
            .await?
            .iter()
            .map(|item: &Item| delivery_item::from_item(item))
            .collect::<Result<_>>()?;
        for known in tried {
            match deliveries
                .iter_mut()
                .find(|delivery| delivery.id == known.id)
            {
                Some(delivery) => *delivery = known,
                None => deliveries.push(known),
            }
        }
        deliveries.sort_by_key(|delivery| delivery.id.number());
        Ok(deliveries)
    }
}

impl DynamoStore {
    /// The task's item, at least as new as the given task.
    async fn item_of(&self, task: &Task) -> Result<Item> {
        let key = Key::task(&task.tenant, &task.id);
        let found = self
            .table
            .get_eventual(&key, None)
            .await?
            .unwrap_or_default();
        if Reader(&found)
            .optional_number::<u64>("version")?
            .is_some_and(|version| version >= task.version)
        {
            return Ok(found);
        }
        Ok(self.table.get(&key).await?.unwrap_or_default())
    }
}

/// The delivery from its own item or its task's item, with the task.
fn in_items(
    tenant: &TenantId,
    id: &DeliveryId,
    found: &[Item],
) -> Result<Option<(Delivery, Task)>> {
    let task_id = id.task();
    let is_of = |item: &&Item, key: Key| sort_key(item) == Some(key.sk.as_str());
    let Some(whole) = found
        .iter()
        .find(|item| is_of(item, Key::task(tenant, &task_id)))
    else {
        return Ok(None);
    };
    let delivery = match found
        .iter()
        .find(|item| is_of(item, Key::delivery(tenant, id)))
    {
        Some(own) => Some(delivery_item::from_item(own)?),
        None => delivery_item::from_task_item(tenant, &task_id, whole)?
            .into_iter()
            .find(|it| it.id == *id),
    };
    delivery
        .map(|delivery| Ok((delivery, task_item::from_item(tenant, whole)?)))
        .transpose()
}
