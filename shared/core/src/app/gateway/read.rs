//! Reading tasks.

use super::Gateway;
use crate::app::Context;
use crate::app::views::presigned;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::domain::provider::Prediction;
use crate::domain::task::{Produced, Step, Task};
use crate::domain::webhook::{CapabilityKeys, Delivery, OutputLink};
use crate::port::errors::no_such_task;
use crate::port::{LinkMethod, LinkTerms};

/// Short, because a client follows a redeemed link immediately.
const REDEEMED_EXPIRES_MS: u64 = 300_000;

/// The full history of one task.
#[derive(Debug)]
pub struct TaskTimeline {
    pub task: Task,
    pub steps: Vec<Step>,
    pub deliveries: Vec<Delivery>,
}

impl TaskTimeline {
    /// Kind `NotFound` for foreign and unknown ids alike.
    pub(crate) async fn read(context: &Context, tenant: &TenantId, id: &TaskId) -> Result<Self> {
        let task = context.tasks().get(tenant, id).await?;
        let steps = context.tasks().timeline(tenant, id).await?;
        let deliveries = context.deliveries().of_task(&task).await?;
        Ok(Self {
            task,
            steps,
            deliveries,
        })
    }
}

impl Gateway {
    /// The task in the provider's format, with downloadable URLs as outputs. Kind `NotFound` for
    /// foreign and unknown ids alike.
    pub async fn prediction(&self, tenant: &TenantId, id: &TaskId) -> Result<Prediction> {
        let task = self.task(tenant, id).await?;
        self.view(&task).await
    }

    /// A task that is already loaded, in the provider's format.
    pub async fn view(&self, task: &Task) -> Result<Prediction> {
        self.views.view_of(task, self.context.now()).await
    }

    /// The presigned URL behind a relayed link, for a request of this method; for an output that is
    /// not in the bucket, the provider's own URL. Kind `NotFound` for a link that was never issued
    /// or has expired.
    pub async fn redeem(&self, link: &OutputLink<'_>, method: LinkMethod) -> Result<String> {
        let unknown = || {
            Error::not_found(
                "this link is no longer valid; fetch the task's result again for a new one",
            )
        };
        let is_signed = |keys: &CapabilityKeys| keys.verify_output(link);
        if link.expires < self.context.now() || !self.capability.fits(is_signed).await {
            return Err(unknown());
        }
        let task = self.task(link.tenant, link.task).await?;
        let output = match task.produced().nth(link.n).ok_or_else(unknown)? {
            Produced::AtProvider(link) => return Ok(link.url.clone()),
            Produced::Archived(output) => output,
        };
        let terms = LinkTerms {
            method,
            expires_ms: REDEEMED_EXPIRES_MS,
            from: None,
        };
        let urls = presigned(&self.context, &*self.signer, &task, &[output], terms).await?;
        urls.into_iter().next().ok_or_else(unknown)
    }

    /// Every step and delivery of one task. Kind `NotFound` for foreign, unknown and deleted ids
    /// alike.
    pub async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<TaskTimeline> {
        let timeline = TaskTimeline::read(&self.context, tenant, id).await?;
        match timeline.task.deleted {
            None => Ok(timeline),
            Some(_) => Err(no_such_task()),
        }
    }
}
