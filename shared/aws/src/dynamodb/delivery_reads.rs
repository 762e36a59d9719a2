//! Finding deliveries by what their event is about.

use std::collections::HashMap;

use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, Subject, TaskId, TenantId};
use fluxgate_core::port::{About, Clock as _, SystemClock};
use fluxgate_core::task::Task;
use fluxgate_core::webhook::Delivery;

use super::attribute::{Item, Reader};
use super::delivery_item::{self, Listed};
use super::delivery_key::earlier_deliveries_prefix;
use super::key::{Key, tenant_partition};
use super::table::Range;
use super::{DynamoStore, json_item, task_item};

impl DynamoStore {
    /// The delivery, and what its event is about.
    pub(super) async fn find_delivery(
        &self,
        tenant: &TenantId,
        id: &DeliveryId,
        consistent: bool,
    ) -> Result<Option<(Delivery, About)>> {
        let subject = id.subject();
        let key = Key::subject(tenant, &subject);
        let Some(item) = self.table.get_item(&key, consistent, None).await? else {
            return Ok(None);
        };
        let listed = delivery_item::listed(tenant, &subject, &item)?;
        let listed = listed.into_iter().find(|it| it.delivery.id == *id);
        let keys = match &listed {
            Some(listed) => listed.own_keys(),
            None => vec![Key::earlier_delivery(tenant, id)],
        };
        let own = self.table.get_batches(&keys, consistent).await?;
        let known = listed.filter(|it| !it.is_expired(SystemClock.now()));
        let found = newest(&own)?
            .remove(id)
            .or(known.map(|listed| listed.delivery));
        let Some(delivery) = found else {
            return Ok(None);
        };
        let about = match subject {
            Subject::Task(_) => About::Task(Box::new(task_item::from_item(tenant, &item)?)),
            Subject::Notice(_) => About::Notice(json_item::from_item(&item)?),
        };
        Ok(Some((delivery, about)))
    }

    /// A task's deliveries, as its item lists them and as they stand.
    pub(super) async fn deliveries_in(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        item: &Item,
    ) -> Result<Vec<Delivery>> {
        let listed = delivery_item::listed(tenant, &Subject::Task(task.clone()), item)?;
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<Key> = listed.iter().flat_map(own_place).collect();
        let mut own = self.table.get_all_eventual(&keys).await?;
        if listed.iter().any(|it| it.by_earlier_release) {
            let range = Range {
                consistent: false,
                ..Range::prefixed(tenant_partition(tenant), &earlier_deliveries_prefix(task))
            };
            own.extend(self.table.query(range).await?);
        }
        let mut found = newest(&own)?;
        let now = SystemClock.now();
        for listed in listed {
            if !listed.is_expired(now) {
                let id = listed.delivery.id.clone();
                found.entry(id).or_insert(listed.delivery);
            }
        }
        let mut deliveries: Vec<Delivery> = found.into_values().collect();
        deliveries.sort_by_key(|delivery| delivery.id.number());
        Ok(deliveries)
    }

    /// The task's item, at least as new as the given task.
    pub(super) async fn item_of(&self, task: &Task) -> Result<Item> {
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

fn own_place(listed: &Listed) -> Option<Key> {
    listed.own_keys().into_iter().next()
}

/// What is in deliveries' own items: of one that two releases wrote, the later version.
pub(super) fn newest(items: &[Item]) -> Result<HashMap<DeliveryId, Delivery>> {
    let mut found: HashMap<DeliveryId, Delivery> = HashMap::new();
    for item in items {
        let delivery = delivery_item::from_item(item)?;
        match found.get(&delivery.id) {
            Some(known) if known.version >= delivery.version => {}
            _ => drop(found.insert(delivery.id.clone(), delivery)),
        }
    }
    Ok(found)
}
