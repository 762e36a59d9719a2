//! Deliveries: listed in the item of their task or event until their first attempt, then in items
//! of their own with those to the same place.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, TaskId, TenantId};
use fluxgate_core::port::errors::{event_late, no_such_delivery};
use fluxgate_core::port::{About, DeliveryStore};
use fluxgate_core::task::{Delayed, Task};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Delivery, DeliveryPage, DeliveryQuery, DeliveryState, Notice};

use super::attribute::number;
use super::key::{EXPIRES_AT, Key};
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, delivery_item, json_item, task_item};

/// The write comes a moment after its jobs.
const PUBLISH_DELAY_MS: u64 = 1_000;

#[async_trait]
impl DeliveryStore for DynamoStore {
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<(Delivery, About)> {
        let found = match self.find_delivery(tenant, id, false).await? {
            Some(found) if found.0.state == DeliveryState::Pending => Some(found),
            // It may exist a moment later, or no longer be held.
            _ => self.find_delivery(tenant, id, true).await?,
        };
        found.ok_or_else(no_such_delivery)
    }

    /// The job first: if the write is lost, a job of a round that never was does nothing.
    async fn update(&self, delivery: &Delivery, job: Option<&Delayed>) -> Result<()> {
        if let Some(job) = job {
            self.queue.send(std::slice::from_ref(job)).await?;
        }
        self.update_delivery(delivery).await
    }

    /// The jobs first, as in [`Self::update`]: one that finds no event does nothing, and whoever
    /// publishes is called again.
    async fn publish(&self, notice: &Notice, deliveries: &[Delivery]) -> Result<()> {
        let jobs: Vec<Delayed> = deliveries
            .iter()
            .filter_map(|delivery| delivery.next_job(notice.at))
            .map(|job| Delayed {
                after_ms: PUBLISH_DELAY_MS,
                ..job
            })
            .collect();
        let key = Key::notice(&notice.tenant, &notice.id);
        if self.table.get_eventual(&key, None).await?.is_some() {
            return Ok(());
        }
        if !jobs.is_empty() {
            self.queue.send(&jobs).await?;
        }
        let mut item = json_item::to_item(notice)?;
        let expires_at = notice.at.seconds() + delivery_item::EVENT_KEPT_S;
        item.insert(EXPIRES_AT.to_owned(), number(expires_at));
        item.insert(
            delivery_item::DELIVERIES.to_owned(),
            delivery_item::to_list(deliveries)?,
        );
        let mut writes = vec![Write::put(key, item).when("attribute_not_exists(#pk)")];
        Self::note_pulled(deliveries, &mut writes)?;
        self.note_held(deliveries, &mut writes, 0).await?;
        match self.table.write(&writes).await? {
            // Only the event and pull endpoints have conditions.
            WriteOutcome::Refused(refused) if refused.first().is_none_or(Option::is_none) => {
                Err(event_late())
            }
            // Refused: it is there already.
            WriteOutcome::Written | WriteOutcome::Refused(_) => Ok(()),
        }
    }

    async fn list(&self, tenant: &TenantId, query: &DeliveryQuery) -> Result<DeliveryPage> {
        self.list_deliveries(tenant, query).await
    }

    /// Items carry when they expire.
    async fn expire(&self, _before: Timestamp, _limit: usize) -> Result<usize> {
        Ok(0)
    }

    async fn of_task(&self, task: &Task) -> Result<Vec<Delivery>> {
        let item = self.item_of(task).await?;
        self.deliveries_in(&task.tenant, &task.id, &item).await
    }

    async fn of_ended_task(&self, tenant: &TenantId, id: &TaskId) -> Result<(Task, Vec<Delivery>)> {
        let item = self.task_item_eventual(tenant, id).await?;
        let task = task_item::from_item(tenant, &item)?;
        if !task.state.is_end() {
            return Ok((task, Vec::new()));
        }
        let deliveries = self.deliveries_in(tenant, id, &item).await?;
        Ok((task, deliveries))
    }
}
