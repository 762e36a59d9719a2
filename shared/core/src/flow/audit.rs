//! Looks over one tenant's tasks for what should not be there: tasks that nobody moves, and money held for no task.

use std::collections::BTreeMap;

use super::Fluxgate;
use super::line::held_period;
use crate::error::{Error, Result};
use crate::id::{TaskId, TenantId};
use crate::job::{Delayed, Job};
use crate::metric::measure;
use crate::money::MicroUsd;
use crate::task::{State, Task};
use crate::time::Timestamp;

/// Tasks read at once: a page of DynamoDB's, 1 MB, of items of at most 1 KB.
const PAGE: usize = 1_000;
/// How far behind its bound a task may be before it counts as stuck: the slowest watch comes within this.
const SLACK_MS: u64 = 15 * 60_000;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantAudit {
    /// Tasks that are not over.
    pub live: usize,
    /// Of those, the ones that should have moved long ago. Each was given a new watch.
    pub stuck: Vec<TaskId>,
    /// What the account holds over what its live tasks have reserved; zero in a sound installation.
    pub held_without_task: MicroUsd,
    /// What the account holds.
    pub held: MicroUsd,
    /// The slots of the vendor's account that live tasks hold, by the period in which they were taken.
    pub slots: BTreeMap<u64, u32>,
}

impl Fluxgate {
    /// Audits one tenant. Tasks older than the longest life that the bounds allow are not looked at.
    ///
    /// Kind `Unavailable` with code `audit_unfinished` when `until` comes first.
    pub async fn audit(&self, tenant: &TenantId, until: Timestamp) -> Result<TenantAudit> {
        let before = self.ports.accounts.account(tenant).await?;
        let live = self.live_tasks(tenant, until).await?;
        let after = self.ports.accounts.account(tenant).await?;
        let reserved: i64 = live.iter().map(|task| task.price.0).sum();
        // An account that moved between the two readings says nothing; the next audit will.
        let surplus = if before == after { after.held.0 - reserved } else { 0 };
        let stuck: Vec<TaskId> = live.iter().filter(|task| self.is_stuck(task)).map(|task| task.id.clone()).collect();
        self.watch_again(tenant, &stuck).await?;
        measure!("HeldMicroUsd", "None", after.held.0);
        measure!("StuckTasks", "Count", stuck.len());
        measure!("HeldWithoutTaskMicroUsd", "None", surplus);
        let mut slots = BTreeMap::new();
        live.iter().filter_map(held_period).for_each(|period| *slots.entry(period).or_default() += 1);
        Ok(TenantAudit { live: live.len(), stuck, held_without_task: MicroUsd(surplus), held: after.held, slots })
    }

    pub(super) async fn live_tasks(&self, tenant: &TenantId, until: Timestamp) -> Result<Vec<Task>> {
        let oldest = self.now().0 - i64::try_from(self.life_max_ms()).unwrap_or(i64::MAX);
        let (mut live, mut before): (Vec<Task>, Option<TaskId>) = (Vec::new(), None);
        loop {
            if self.now() >= until {
                return Err(Error::unavailable("audit_unfinished", "the time was up before all tasks were looked at"));
            }
            let page = self.ports.tasks.list(tenant, before.as_ref(), PAGE).await?;
            let Some(last) = page.last().cloned() else { return Ok(live) };
            live.extend(page.into_iter().filter(|task| !task.state.is_end()));
            if last.created_at.0 < oldest {
                return Ok(live);
            }
            before = Some(last.id);
        }
    }

    fn life_max_ms(&self) -> u64 {
        self.bounds().task_life_ms() + 5 * SLACK_MS
    }

    fn is_stuck(&self, task: &Task) -> bool {
        let bounds = self.bounds();
        let max_ms = match task.state {
            State::Admitted if task.turn.is_some_and(|turn| turn.waits()) => bounds.line_max_ms,
            State::Admitted => bounds.admitted_max_ms,
            State::Submitting => bounds.submit_timeout_ms,
            State::Unknown => bounds.unknown_max_ms.max(bounds.run_max_ms),
            State::Submitted => bounds.run_max_ms,
            State::Archiving => bounds.archive_max_ms,
            State::Completed | State::Failed | State::Cancelled | State::Timeout => return false,
        };
        self.now().since_ms(task.since) > max_ms + SLACK_MS
    }

    async fn watch_again(&self, tenant: &TenantId, stuck: &[TaskId]) -> Result<()> {
        let watch = |task: &TaskId| Delayed {
            job: Job::Watch { tenant: tenant.clone(), task: task.clone(), round: 0 },
            after_ms: 0,
        };
        let jobs: Vec<Delayed> = stuck.iter().map(watch).collect();
        if jobs.is_empty() { Ok(()) } else { self.ports.queue.send(&jobs).await }
    }
}
