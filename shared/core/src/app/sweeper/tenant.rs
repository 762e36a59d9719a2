//! Looks over one tenant's tasks for what should not be there: tasks that nobody moves, and money
//! held for no task.

use std::collections::BTreeMap;

use super::Sweeper;
use super::slots::held_period;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::metric::measure;
use crate::base::time::Timestamp;
use crate::domain::money::{CountId, MicroUsd};
use crate::domain::task::{Job, State, Task};
use crate::port::Ids as _;

/// Tasks read at once: a page of DynamoDB's, 1 MB, of items of at most 1 KB.
const PAGE: usize = 1_000;
/// Pages of older tasks that one sweep looks through for what holds money.
const OLDER_PAGES_MAX: usize = 100;
/// How far behind its bound a task may be before it counts as stuck: the slowest watch comes within
/// this.
const SLACK_MS: u64 = 15 * 60_000;

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantSweep {
    /// Tasks that are not over.
    pub live: usize,
    /// Those that should have moved long ago, or should have been told of. Each was given a new
    /// watch.
    pub stuck: Vec<TaskId>,
    /// Those whose outputs are being copied.
    pub archiving: Vec<TaskId>,
    /// What the account holds over what its live tasks have reserved; zero in a sound installation.
    pub held_without_task: MicroUsd,
    /// What the account holds.
    pub held: MicroUsd,
    /// The slots of the provider's account that live tasks hold, by the period in which they were
    /// taken.
    pub slots: BTreeMap<u64, u32>,
}

/// How far a walk over a tenant's tasks has come, newest first.
#[derive(Default)]
struct Walk {
    before: Option<TaskId>,
    pages: usize,
    /// Those that are not over, or not told.
    found: Vec<Task>,
}

impl Walk {
    fn live(&self) -> impl Iterator<Item = &Task> {
        self.found.iter().filter(|task| !task.state.is_end())
    }

    fn reserved(&self) -> i64 {
        self.live().map(|task| task.price.0).sum()
    }
}

impl Sweeper {
    /// Sweeps one tenant. Tasks older than the longest life that the bounds allow are only looked
    /// at when the account holds more than the younger ones have reserved: whatever kept one of
    /// them for so long, it is found.
    ///
    /// Kind `Unavailable` with code `audit_unfinished` when `until` comes first.
    pub async fn sweep(&self, tenant: &TenantId, until: Timestamp) -> Result<TenantSweep> {
        let count = CountId(self.context.entropy.u64() >> 4);
        self.context
            .accounts()
            .recount_budget(tenant, self.context.now(), count)
            .await?;
        let before = self.context.accounts().account(tenant).await?;
        let mut walk = Walk::default();
        let oldest = self.context.now().0 - i64::try_from(self.life_max_ms()).unwrap_or(i64::MAX);
        self.walk(tenant, &mut walk, until, |_, last| {
            last.created_at.0 < oldest
        })
        .await?;
        let after = self.context.accounts().account(tenant).await?;
        let settled = before == after;
        if settled && after.held.0 > walk.reserved() {
            let most = walk.pages + OLDER_PAGES_MAX;
            let far_enough =
                |walk: &Walk, _: &Task| after.held.0 <= walk.reserved() || walk.pages >= most;
            self.walk(tenant, &mut walk, until, far_enough).await?;
        }
        // An account that moved between the two readings says nothing; the next sweep will.
        let surplus = if settled {
            after.held.0 - walk.reserved()
        } else {
            0
        };
        let ids = |which: &dyn Fn(&Task) -> bool| -> Vec<TaskId> {
            walk.found
                .iter()
                .filter(|task| which(task))
                .map(|task| task.id.clone())
                .collect()
        };
        let (stuck, archiving) = (
            ids(&|task| self.is_stuck(task)),
            ids(&|task| task.state == State::Archiving),
        );
        self.watch_again(tenant, &stuck).await?;
        measure!("HeldMicroUsd", "None", after.held.0);
        measure!("StuckTasks", "Count", stuck.len());
        measure!("HeldWithoutTaskMicroUsd", "None", surplus);
        let mut slots = BTreeMap::new();
        walk.found
            .iter()
            .filter_map(held_period)
            .for_each(|period| *slots.entry(period).or_default() += 1);
        let (live, held_without_task) = (walk.live().count(), MicroUsd(surplus));
        Ok(TenantSweep {
            live,
            stuck,
            archiving,
            held_without_task,
            held: after.held,
            slots,
        })
    }

    /// The tasks that are not over.
    pub(super) async fn live_tasks(
        &self,
        tenant: &TenantId,
        until: Timestamp,
    ) -> Result<Vec<Task>> {
        let mut walk = Walk::default();
        let oldest = self.context.now().0 - i64::try_from(self.life_max_ms()).unwrap_or(i64::MAX);
        self.walk(tenant, &mut walk, until, |_, last| {
            last.created_at.0 < oldest
        })
        .await?;
        Ok(walk
            .found
            .into_iter()
            .filter(|task| !task.state.is_end())
            .collect())
    }

    /// Goes on from page to page until the last task of one is as far as is wanted.
    async fn walk(
        &self,
        tenant: &TenantId,
        walk: &mut Walk,
        until: Timestamp,
        far_enough: impl Fn(&Walk, &Task) -> bool + Send,
    ) -> Result<()> {
        loop {
            if self.context.now() >= until {
                return Err(Error::unavailable(
                    "sweep_unfinished",
                    "the time was up before all tasks were looked at",
                ));
            }
            let page = self
                .context
                .tasks()
                .list(tenant, walk.before.as_ref(), PAGE)
                .await?;
            let Some(last) = page.last().cloned() else {
                return Ok(());
            };
            walk.before = Some(last.id.clone());
            walk.pages += 1;
            walk.found.extend(
                page.into_iter()
                    .filter(|task| !task.state.is_end() || task.untold),
            );
            if far_enough(walk, &last) {
                return Ok(());
            }
        }
    }

    /// Sends the copies of these tasks again: whatever became of their jobs, another one does no
    /// harm.
    pub(super) async fn archive_again(
        &self,
        tenant: &TenantId,
        archiving: &[TaskId],
    ) -> Result<()> {
        let archive = |task: &TaskId| Job::Archive {
            tenant: tenant.clone(),
            task: task.clone(),
        };
        self.jobs.send_at_once(archiving.iter().map(archive)).await
    }

    fn life_max_ms(&self) -> u64 {
        self.context.bounds.task_life_ms() + 5 * SLACK_MS
    }

    fn is_stuck(&self, task: &Task) -> bool {
        let bounds = &self.context.bounds;
        let max_ms = match task.state {
            State::Admitted if task.ticket.is_some_and(|ticket| ticket.waits()) => {
                bounds.fair_queue_max_ms
            }
            State::Admitted => bounds.admitted_max_ms,
            State::Submitting => bounds.submit_timeout_ms,
            State::Unknown => bounds.unknown_max_ms.max(bounds.run_max_ms),
            State::Submitted => bounds.run_max_ms,
            State::Archiving => bounds
                .archive_max_ms
                .saturating_add(bounds.archive_grace_ms),
            // It is over, and only here because it is untold.
            State::Completed | State::Failed | State::Cancelled | State::Timeout => 0,
        };
        self.context.now().since_ms(task.since) > max_ms + SLACK_MS
    }

    async fn watch_again(&self, tenant: &TenantId, stuck: &[TaskId]) -> Result<()> {
        let watch = |task: &TaskId| Job::Watch {
            tenant: tenant.clone(),
            task: task.clone(),
            round: 0,
        };
        self.jobs.send_at_once(stuck.iter().map(watch)).await
    }
}
