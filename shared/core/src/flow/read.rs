//! Reading tasks as tenants see them.

use super::Fluxgate;
use crate::delivery::Delivery;
use crate::error::Result;
use crate::id::{TaskId, TenantId};
use crate::prediction::Prediction;
use crate::task::{Step, Task};

/// Everything that happened to one task.
#[derive(Debug)]
pub struct TaskTimeline {
    pub task: Task,
    pub steps: Vec<Step>,
    pub deliveries: Vec<Delivery>,
}

impl Fluxgate {
    /// The task in the vendor's words, its outputs as URLs that download. Kind `NotFound` for foreign and unknown ids alike.
    pub async fn prediction(&self, tenant: &TenantId, id: &TaskId) -> Result<Prediction> {
        let task = self.ports.tasks.get(tenant, id).await?;
        self.view(&task).await
    }

    /// A task at hand in the vendor's words.
    pub async fn view(&self, task: &Task) -> Result<Prediction> {
        let links = if task.outputs.is_empty() { Vec::new() } else { self.links(task).await? };
        Ok(Prediction::of(task, links, &self.settings.base_url))
    }

    async fn links(&self, task: &Task) -> Result<Vec<String>> {
        let destination = self.ports.tenants.get(&task.tenant).await?.destination;
        let mut links = Vec::with_capacity(task.outputs.len());
        for output in &task.outputs {
            let expires_ms = self.bounds().presign_expires_ms;
            links.push(self.ports.objects.presign(&task.tenant, &destination, output, expires_ms).await?);
        }
        Ok(links)
    }

    /// Every step and delivery of one task. Kind `NotFound` for foreign and unknown ids alike.
    pub async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<TaskTimeline> {
        let task = self.ports.tasks.get(tenant, id).await?;
        let steps = self.ports.tasks.timeline(tenant, id).await?;
        let deliveries = self.ports.deliveries.of_task(tenant, id).await?;
        Ok(TaskTimeline { task, steps, deliveries })
    }
}
