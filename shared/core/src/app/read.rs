//! Reading tasks as tenants see them.

use super::Fluxgate;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::provider::Prediction;
use crate::domain::task::{Output, OutputLinks, Produced, State, Step, Task};
use crate::domain::webhook::{Delivery, OutputLink};
use crate::port::{LinkMethod, LinkTerms};

const LINK_STEP_MS: i64 = 3_600_000;
/// A redeemed link is followed at once.
const REDEEMED_EXPIRES_MS: u64 = 300_000;

/// Everything that happened to one task.
#[derive(Debug)]
pub struct TaskTimeline {
    pub task: Task,
    pub steps: Vec<Step>,
    pub deliveries: Vec<Delivery>,
}

impl Fluxgate {
    /// The task in the provider's words, its outputs as URLs that download. Kind `NotFound` for foreign and unknown ids alike.
    pub async fn prediction(&self, tenant: &TenantId, id: &TaskId) -> Result<Prediction> {
        let task = self.ports.store.tasks().get(tenant, id).await?;
        self.view(&task).await
    }

    /// A task at hand in the provider's words.
    pub async fn view(&self, task: &Task) -> Result<Prediction> {
        self.view_of(task, self.now()).await
    }

    /// The same at each asking, its links valid from this moment on.
    pub(super) async fn view_of(&self, task: &Task, from: Timestamp) -> Result<Prediction> {
        let links = if task.state == State::Completed { self.output_links(task, from).await? } else { Vec::new() };
        Ok(Prediction::of(task, links, self.settings.base_url.as_str()))
    }

    /// What downloads each output, in order: those that are with the provider alone by its own links.
    async fn output_links(&self, task: &Task, from: Timestamp) -> Result<Vec<String>> {
        let mut presigned = match self.settings.output_links {
            OutputLinks::Presigned if !task.outputs.is_empty() => {
                let terms = LinkTerms { from: Some(from), ..LinkTerms::get(self.bounds().presign_expires_ms) };
                self.presigned(task, &task.outputs, terms).await?
            }
            OutputLinks::Presigned | OutputLinks::Relayed => Vec::new(),
        }
        .into_iter();
        let link = |(n, produced)| match produced {
            Produced::AtProvider(link) => link.url.clone(),
            Produced::Archived(_) => presigned.next().unwrap_or_else(|| self.relayed(task, n, from)),
        };
        Ok(task.produced().enumerate().map(link).collect())
    }

    async fn presigned(&self, task: &Task, outputs: &[Output], terms: LinkTerms) -> Result<Vec<String>> {
        let destination = self.ports.store.tenants().get_eventual(&task.tenant).await?.destination;
        let mut links = Vec::with_capacity(outputs.len());
        for output in outputs {
            links.push(self.ports.objects.presign(&task.tenant, &destination, output, terms).await?);
        }
        Ok(links)
    }

    /// The same within an hour, so that it can be cached.
    fn relayed(&self, task: &Task, n: usize, from: Timestamp) -> String {
        let expires = from.plus_ms(self.bounds().presign_expires_ms).0 / LINK_STEP_MS * LINK_STEP_MS;
        let path = self.settings.capability.output_path(&task.tenant, &task.id, n, Timestamp(expires));
        format!("{}{path}", self.settings.base_url.as_str())
    }

    /// The presigned URL that a relayed link stands for, for a request of this method; the provider's own of an output that is not in
    /// the bucket. Kind `NotFound` for a link that was never given out, or has expired.
    pub async fn redeem(&self, link: &OutputLink<'_>, method: LinkMethod) -> Result<String> {
        let unknown = || Error::not_found("this link is not valid any more; ask for the task's result again");
        if !self.settings.capability.verify_output(link) || link.expires < self.now() {
            return Err(unknown());
        }
        let task = self.ports.store.tasks().get(link.tenant, link.task).await?;
        let output = match task.produced().nth(link.n).ok_or_else(unknown)? {
            Produced::AtProvider(link) => return Ok(link.url.clone()),
            Produced::Archived(output) => output,
        };
        let terms = LinkTerms { method, expires_ms: REDEEMED_EXPIRES_MS, from: None };
        let urls = self.presigned(&task, std::slice::from_ref(output), terms).await?;
        urls.into_iter().next().ok_or_else(unknown)
    }

    /// Every step and delivery of one task. Kind `NotFound` for foreign and unknown ids alike.
    pub async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<TaskTimeline> {
        let task = self.ports.store.tasks().get(tenant, id).await?;
        let steps = self.ports.store.tasks().timeline(tenant, id).await?;
        let deliveries = self.ports.store.deliveries().of_task(&task).await?;
        Ok(TaskTimeline { task, steps, deliveries })
    }
}
