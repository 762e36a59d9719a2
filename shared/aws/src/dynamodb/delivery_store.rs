//! Deliveries: within their task's item until somebody tries them, in one of their own from then on.

use async_trait::async_trait;
use fluxgate_core::delivery::Delivery;
use fluxgate_core::id::{DeliveryId, TaskId, TenantId};
use fluxgate_core::port::DeliveryStore;
use fluxgate_core::{Error, Kind, Result};

use super::attribute::{Item, bytes, number};
use super::key::{Key, deliveries_prefix, tenant_partition};
use super::table::{Range, sort_key};
use super::transact::{CallMark, Outcome};
use super::write::Write;
use super::{DynamoStore, delivery_item};

const MARK: &str = "mark";

#[async_trait]
impl DeliveryStore for DynamoStore {
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Delivery> {
        let (own, task) = (Key::delivery(tenant, id), Key::task(tenant, &id.task()));
        let found = self.table.get_all(&[own.clone(), task]).await?;
        if let Some(item) = found.iter().find(|item| sort_key(item) == Some(own.sk.as_str())) {
            return delivery_item::from_item(item);
        }
        let untried = match found.first() {
            Some(item) => delivery_item::from_task_item(tenant, &id.task(), item)?,
            None => Vec::new(),
        };
        untried
            .into_iter()
            .find(|delivery| delivery.id == *id)
            .ok_or_else(|| Error::not_found("there is no delivery of this id"))
    }

    async fn update(&self, delivery: &Delivery) -> Result<()> {
        let mark = bytes(CallMark::fresh().as_bytes());
        let mut item = delivery_item::to_item(delivery)?;
        item.insert(MARK.to_owned(), mark.clone());
        let write = Write::put(Key::delivery(&delivery.tenant, &delivery.id), item);
        let write = match delivery.version {
            2 => write.when("attribute_not_exists(#pk)"),
            version => write.when("#version = :expected").with(":expected", number(version.saturating_sub(1))),
        };
        match self.table.write(&[write]).await? {
            Outcome::Written => Ok(()),
            // An earlier try of this very call, whose answer was lost.
            Outcome::Refused(found) if found.iter().flatten().any(|item| item.get(MARK) == Some(&mark)) => Ok(()),
            Outcome::Refused(_) => {
                Err(Error::new(Kind::Conflict, "version_conflict", "the delivery changed meanwhile; read it again"))
            }
        }
    }

    async fn of_task(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<Delivery>> {
        let Some(item) = self.table.get(&Key::task(tenant, task)).await? else { return Ok(Vec::new()) };
        let mut deliveries = delivery_item::from_task_item(tenant, task, &item)?;
        if deliveries.is_empty() {
            return Ok(deliveries);
        }
        let range = Range::prefixed(tenant_partition(tenant), &deliveries_prefix(task));
        let tried: Vec<Delivery> = self
            .table
            .query(range)
            .await?
            .iter()
            .map(|item: &Item| delivery_item::from_item(item))
            .collect::<Result<_>>()?;
        for known in tried {
            match deliveries.iter_mut().find(|delivery| delivery.id == known.id) {
                Some(delivery) => *delivery = known,
                None => deliveries.push(known),
            }
        }
        deliveries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(deliveries)
    }
}
