//! Restorations of a store that functions may have open already: in bounded steps, while nobody
//! sends runs.

use std::sync::Arc;

use serde_json::json;

use super::place::Place;
use super::{Awaiting, Doubted, Restoration};
use crate::app::everybody::everybody;
use crate::app::jobs::Jobs;
use crate::app::{Context, Operator};
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{Delayed, Job, State, Task};
use crate::domain::tenant::{Actor, AuditAction};
use crate::domain::webhook::{DeliveryQuery, DeliveryState};
use crate::port::Queue;

/// After this time a step begins nothing more.
const STEP_MAX_MS: u64 = 20_000;
/// Tasks between two looks at the clock.
const PAGE_TASKS: usize = 256;
/// Deliveries read at once, and how many pages of them, from the newest on: what was under way at
/// the backup is no older than its schedule.
const PAGE_DELIVERIES: usize = 100;
const PAGES_DELIVERIES_MAX: usize = 50;

/// The operator's use case of a restored store.
pub struct Restorations {
    context: Context,
    restoration: Restoration,
    jobs: Jobs,
    queue: Arc<dyn Queue>,
    operator: Arc<Operator>,
}

/// One bounded step.
#[derive(Debug)]
pub struct RestorationStep {
    pub state: RestorationState,
    pub doubted: Doubted,
    /// Open tasks that are watched again, those in doubt among them: the queues may have lost all.
    pub watched: usize,
    /// Callbacks under way that are sent again.
    pub deliveries: usize,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestorationState {
    /// The next step, from there.
    Running { next: String },
    /// Nothing: submits go on.
    Done,
    /// Nothing: the store was not restored, or was seen to before.
    NotNeeded,
}

impl Restorations {
    pub(crate) fn new(context: Context, queue: Arc<dyn Queue>, operator: Arc<Operator>) -> Self {
        Self {
            restoration: Restoration::new(context.clone(), queue.clone()),
            jobs: Jobs::new(&context, queue.clone()),
            context,
            queue,
            operator,
        }
    }

    /// Why submits are refused, if they are.
    pub async fn awaiting(&self) -> Result<Option<Awaiting>> {
        Awaiting::of(&self.context).await
    }

    /// Takes one step, from the cursor of the step before on: doubts what may have been sent since
    /// the backup, and sends the jobs of whatever is open. After the last one submits go on. A step
    /// that is taken twice does no harm.
    ///
    /// Kind `Invalid` with code `invalid_cursor` for a cursor that is none.
    pub async fn step(&self, cursor: Option<&str>, actor: &Actor) -> Result<RestorationStep> {
        let mut place = cursor.map(Place::parse).transpose()?;
        let mut step = RestorationStep {
            state: RestorationState::NotNeeded,
            doubted: Doubted::default(),
            watched: 0,
            deliveries: 0,
        };
        if self.awaiting().await?.is_none() {
            return Ok(step);
        }
        if place.is_none() {
            self.record(AuditAction::RestorationStarted, actor).await?;
        }
        let began = self.context.now();
        let until = began.plus_ms(STEP_MAX_MS);
        let since = self.context.bounds.earliest_made(began);
        for tenant in everybody(self.context.tenants(), since).await? {
            if place
                .as_ref()
                .is_some_and(|it| !it.is_before_end_of(&tenant))
            {
                continue;
            }
            let from = place
                .take()
                .and_then(|it| it.task.filter(|_| it.tenant == tenant));
            let stopped_at = self.see_to(&tenant, from, until, &mut step).await?;
            let is_over = self.context.now() >= until;
            let reached = Place {
                tenant,
                task: stopped_at,
            };
            if reached.task.is_some() || is_over {
                let next = reached.to_string();
                step.state = RestorationState::Running { next };
                return Ok(step);
            }
            place = Some(reached);
        }
        self.record(AuditAction::RestorationDone, actor).await?;
        self.context.store.restorations().restoration_done().await?;
        step.state = RestorationState::Done;
        Ok(step)
    }

    /// Returns the last task that was seen to if time ran out before the tenant's others were.
    async fn see_to(
        &self,
        tenant: &TenantId,
        from: Option<TaskId>,
        until: Timestamp,
        step: &mut RestorationStep,
    ) -> Result<Option<TaskId>> {
        if from.is_none() {
            step.doubted.tenants += 1;
            step.doubted.batches += self.restoration.batches.cancel_all(tenant, false).await?;
        }
        let mut open = self.restoration.open_tasks(tenant).await?;
        open.retain(|task| from.as_ref().is_none_or(|from| task.id > *from));
        open.sort_by(|one, other| one.id.cmp(&other.id));
        let mut pages = open.chunks(PAGE_TASKS).peekable();
        while let Some(page) = pages.next() {
            step.doubted.tasks += self.restoration.doubt_tasks(page).await?;
            let jobs: Vec<Job> = page.iter().flat_map(jobs).collect();
            self.jobs.send_at_once(jobs.into_iter()).await?;
            step.watched += page.len();
            if pages.peek().is_some() && self.context.now() >= until {
                return Ok(page.last().map(|task| task.id.clone()));
            }
        }
        step.deliveries += self.deliver_again(tenant).await?;
        Ok(None)
    }

    /// Callbacks that waited for their next attempt. Each comes twice at most, with one id.
    async fn deliver_again(&self, tenant: &TenantId) -> Result<usize> {
        let (mut sent, mut after) = (0, None);
        for _ in 0..PAGES_DELIVERIES_MAX {
            let query = DeliveryQuery {
                states: vec![DeliveryState::Pending],
                after,
                limit: PAGE_DELIVERIES,
                ..DeliveryQuery::default()
            };
            let page = self.context.deliveries().list(tenant, &query).await?;
            let now = self.context.now();
            let due = page.deliveries.iter().filter(|delivery| !delivery.pull);
            let due: Vec<Delayed> = due.map(|delivery| delivery.job(now)).collect();
            if !due.is_empty() {
                self.queue.send(&due).await?;
            }
            sent += due.len();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(sent)
    }

    async fn record(&self, action: AuditAction, actor: &Actor) -> Result<()> {
        self.operator.record_for_all(action, json!({}), actor).await
    }
}

/// A watch for each, and the copy of those whose outputs were being copied.
fn jobs(task: &Task) -> impl Iterator<Item = Job> + use<> {
    let watch = Job::Watch {
        tenant: task.tenant.clone(),
        task: task.id.clone(),
        round: 0,
    };
    let archive = (task.state == State::Archiving).then(|| Job::Archive {
        tenant: task.tenant.clone(),
        task: task.id.clone(),
    });
    std::iter::once(watch).chain(archive)
}
