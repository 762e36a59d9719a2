//! Sweeps one tenant: looks for tasks that nobody moves, and for money held for no task.

use std::collections::BTreeMap;

use super::Sweeper;
use super::slots::held_period;
use crate::app::task_pages::TaskPages;
use crate::base::error::{Error, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::money::{CountId, MicroUsd};
use crate::domain::task::{Job, State, Task};
use crate::port::{Ids as _, TaskStore};

/// Pages of older tasks that one sweep looks through for what holds money.
const OLDER_PAGES_MAX: usize = 100;

/// The result of sweeping one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantSweep {
    /// Number of tasks that have not ended.
    pub live: usize,
    /// Tasks that should have moved or announced their end long ago. Each was given a new watch.
    pub stuck: Vec<(TaskId, TraceContext)>,
    /// Tasks whose outputs are being copied.
    pub archiving: Vec<TaskId>,
    /// Money held by the account minus the holds of its live tasks; zero if all is well.
    pub held_without_task: MicroUsd,
    /// Money held by the account.
    pub held: MicroUsd,
    /// Number of provider slots held by live tasks, by the period in which they were taken.
    pub slots: BTreeMap<u64, u32>,
}

/// How far a walk over a tenant's tasks has come, newest first.
struct Walk<'a> {
    pages: TaskPages<'a>,
    pages_read: usize,
    /// Those that are not over, or not told.
    found: Vec<Task>,
}

impl<'a> Walk<'a> {
    fn new(tasks: &'a dyn TaskStore, tenant: &'a TenantId) -> Self {
        Self {
            pages: TaskPages::newest_first(tasks, tenant, None),
            pages_read: 0,
            found: Vec::new(),
        }
    }

    fn live(&self) -> impl Iterator<Item = &Task> {
        self.found.iter().filter(|task| !task.state.is_end())
    }

    fn reserved(&self) -> i64 {
        self.live().map(|task| task.price.0).sum()
    }
}

impl Sweeper {
    /// Sweeps one tenant. Tasks older than the longest life that the bounds allow are read only if
    /// the account holds more than the younger tasks account for, so that even very old stuck tasks
    /// are found.
    ///
    /// Kind `Unavailable` with code `sweep_unfinished` when `until` comes first.
    pub async fn sweep(&self, tenant: &TenantId, until: Timestamp) -> Result<TenantSweep> {
        let count = CountId(self.context.entropy.u64() >> 4);
        self.context
            .accounts()
            .recount_budget(tenant, self.context.now(), count)
            .await?;
        let before = self.context.accounts().account(tenant).await?;
        let mut walk = Walk::new(self.context.tasks(), tenant);
        self.walk_the_living(&mut walk, until).await?;
        let after = self.context.accounts().account(tenant).await?;
        let settled = before == after;
        if settled && after.held.0 > walk.reserved() {
            let most = walk.pages_read + OLDER_PAGES_MAX;
            let far_enough = |walk: &Walk<'_>, _: Timestamp| {
                after.held.0 <= walk.reserved() || walk.pages_read >= most
            };
            self.walk(&mut walk, until, far_enough).await?;
        }
        // An account that changed between the two reads proves nothing; the next sweep will check.
        let surplus = if settled {
            after.held.0 - walk.reserved()
        } else {
            0
        };
        let stuck = walk.found.iter().filter(|task| self.is_stuck(task));
        let stuck: Vec<_> = stuck
            .map(|task| (task.id.clone(), task.trace_context()))
            .collect();
        let archiving = walk
            .live()
            .filter(|task| task.state == State::Archiving)
            .map(|task| task.id.clone())
            .collect();
        self.watch_again(tenant, &stuck).await?;
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

    /// The tasks that have not ended.
    pub(super) async fn live_tasks(
        &self,
        tenant: &TenantId,
        until: Timestamp,
    ) -> Result<Vec<Task>> {
        let mut walk = Walk::new(self.context.tasks(), tenant);
        self.walk_the_living(&mut walk, until).await?;
        Ok(walk
            .found
            .into_iter()
            .filter(|task| !task.state.is_end())
            .collect())
    }

    /// Through all that are young enough to live.
    async fn walk_the_living(&self, walk: &mut Walk<'_>, until: Timestamp) -> Result<()> {
        let earliest = self.context.bounds.earliest_made(self.context.now());
        self.walk(walk, until, |_, made| made < earliest).await
    }

    /// Goes on from page to page until the last task of one was made as early as is wanted.
    async fn walk(
        &self,
        walk: &mut Walk<'_>,
        until: Timestamp,
        far_enough: impl Fn(&Walk<'_>, Timestamp) -> bool + Send,
    ) -> Result<()> {
        loop {
            if self.context.now() >= until {
                return Err(Error::unavailable(
                    "sweep_unfinished",
                    "time ran out before all tasks were read",
                ));
            }
            let Some(page) = walk.pages.next().await? else {
                return Ok(());
            };
            let made = page
                .last()
                .map_or(Timestamp(i64::MAX), |task| task.created_at);
            walk.pages_read += 1;
            walk.found.extend(
                page.into_iter()
                    .filter(|task| !task.state.is_end() || task.untold),
            );
            if far_enough(walk, made) {
                return Ok(());
            }
        }
    }

    /// Sends the archive jobs of these tasks again; a duplicate job does no harm.
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
            // It has ended and is here only because its end was not announced.
            State::Completed | State::Failed | State::Cancelled | State::Timeout => 0,
        };
        self.context.now().since_ms(task.since) > max_ms.saturating_add(bounds.watch_late_ms())
    }

    async fn watch_again(&self, tenant: &TenantId, stuck: &[(TaskId, TraceContext)]) -> Result<()> {
        let watch = |(task, _): &(TaskId, TraceContext)| Job::Watch {
            tenant: tenant.clone(),
            task: task.clone(),
            round: 0,
        };
        self.jobs.send_at_once(stuck.iter().map(watch)).await
    }
}
