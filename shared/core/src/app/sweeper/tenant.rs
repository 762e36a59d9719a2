//! Sweeps one tenant: looks for tasks that nobody moves, and for money held for no task.

use std::collections::BTreeMap;

use super::Sweeper;
use super::purged::is_look_due;
use super::slots::held_period;
use crate::app::open_tasks::{OpenTasks, in_time};
use crate::app::task_pages::TaskPages;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::money::{Account, Alerts, CountId, MicroUsd, Setting};
use crate::domain::task::{Job, State, Task};
use crate::port::Ids as _;

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

/// What the account holds, and for which tasks.
struct Held {
    open: OpenTasks,
    held: MicroUsd,
    held_without_task: MicroUsd,
}

impl Sweeper {
    /// Sweeps one tenant, by reads that may be late unless something seems wrong. Tasks older than
    /// the longest life that the bounds allow are read only if the account holds more than the open
    /// tasks account for, so that even very old stuck tasks are found.
    ///
    /// Kind `Unavailable` with code `sweep_unfinished` when `until` comes first.
    pub async fn sweep(&self, tenant: &TenantId, until: Timestamp) -> Result<TenantSweep> {
        let seen = self.context.alerts().alerts_eventual(tenant).await?;
        self.recount_budget(tenant, &seen.0).await?;
        let open = OpenTasks::read_eventual(&self.context, tenant, until).await?;
        let Held {
            open,
            held,
            held_without_task,
        } = match seen.0.held.0 == open.held() {
            true => Held {
                open,
                held: seen.0.held,
                held_without_task: MicroUsd::ZERO,
            },
            false => self.compare(tenant, &seen.0, open, until).await?,
        };
        let stuck = open.tasks.iter().filter(|task| self.is_stuck(task));
        let stuck: Vec<_> = stuck
            .map(|task| (task.id.clone(), task.trace_context()))
            .collect();
        let archiving = open
            .live()
            .filter(|task| task.state == State::Archiving)
            .map(|task| task.id.clone())
            .collect();
        self.watch_again(tenant, stuck.iter().map(|(task, _)| task))
            .await?;
        let unmoved = open.live().filter(|task| self.may_be_unwatched(task));
        self.watch_again(tenant, unmoved.map(|task| &task.id))
            .await?;
        self.resume_batches(tenant).await?;
        self.tell(tenant, seen, &open).await;
        open.save(&self.context, tenant).await?;
        let mut slots = BTreeMap::new();
        open.tasks
            .iter()
            .filter_map(held_period)
            .for_each(|period| *slots.entry(period).or_default() += 1);
        Ok(TenantSweep {
            live: open.live().count(),
            stuck,
            archiving,
            held_without_task,
            held,
            slots,
        })
    }

    /// Reads that may be late differ from each other now and then; only what a consistent read
    /// shows as well is wrong. An account that moves proves nothing; the next sweep will check.
    async fn compare(
        &self,
        tenant: &TenantId,
        seen: &Account,
        open: OpenTasks,
        until: Timestamp,
    ) -> Result<Held> {
        let accounts = self.context.accounts();
        let again = accounts.accounts_of(std::slice::from_ref(tenant)).await?;
        if let [again] = again.as_slice()
            && again != seen
        {
            return Ok(Held {
                open,
                held: again.held,
                held_without_task: MicroUsd::ZERO,
            });
        }
        let before = accounts.account(tenant).await?;
        let mut open = OpenTasks::read(&self.context, tenant, until).await?;
        let after = accounts.account(tenant).await?;
        let settled = before == after;
        if settled && after.held.0 > open.held() {
            self.add_the_old(&mut open, tenant, after.held, until)
                .await?;
        }
        let surplus = match settled {
            true => after.held.0 - open.held(),
            false => 0,
        };
        Ok(Held {
            open,
            held: after.held,
            held_without_task: MicroUsd(surplus),
        })
    }

    async fn recount_budget(&self, tenant: &TenantId, seen: &Account) -> Result<()> {
        let now = self.context.now();
        if let Setting::Ready(_) = seen.clone().recount_budget(now, None)? {
            return Ok(());
        }
        let count = CountId(self.context.entropy.u64() >> 4);
        let accounts = self.context.accounts();
        accounts.recount_budget(tenant, now, count).await
    }

    /// What a crash or a failure has kept from being told.
    async fn tell(&self, tenant: &TenantId, seen: (Account, Alerts), open: &OpenTasks) {
        let alerter = &self.machine.alerter;
        alerter.see_money_in(tenant, seen).await;
        for task in open.live().filter(|task| task.state == State::Unknown) {
            alerter.tell_in_doubt(task).await;
        }
    }

    /// The tasks that have not ended.
    pub(super) async fn live_tasks(
        &self,
        tenant: &TenantId,
        until: Timestamp,
    ) -> Result<Vec<Task>> {
        let open = OpenTasks::read(&self.context, tenant, until).await?;
        let is_live = |task: &Task| !task.state.is_end();
        Ok(open.tasks.into_iter().filter(is_live).collect())
    }

    /// Goes back from the oldest task that may live until what the account holds is accounted for.
    async fn add_the_old(
        &self,
        open: &mut OpenTasks,
        tenant: &TenantId,
        held: MicroUsd,
        until: Timestamp,
    ) -> Result<()> {
        let earliest = self.context.bounds.earliest_made(self.context.now());
        let before = Some(TaskId::lowest_at(earliest));
        let mut pages = TaskPages::newest_first(self.context.tasks(), tenant, before);
        for _ in 0..OLDER_PAGES_MAX {
            in_time(&self.context, until)?;
            let Some(page) = pages.next().await? else {
                return Ok(());
            };
            page.into_iter().for_each(|task| open.add(task));
            if held.0 <= open.held() {
                return Ok(());
            }
        }
        Ok(())
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

    /// A task that has not moved for a while is watched in all likelihood, unless its queue was
    /// purged; nobody can tell.
    fn may_be_unwatched(&self, task: &Task) -> bool {
        !self.is_stuck(task) && is_look_due(self.context.now().since_ms(task.since))
    }

    async fn watch_again<'a>(
        &self,
        tenant: &TenantId,
        tasks: impl Iterator<Item = &'a TaskId>,
    ) -> Result<()> {
        let watches: Vec<Job> = tasks
            .map(|task| Job::Watch {
                tenant: tenant.clone(),
                task: task.clone(),
                round: 0,
            })
            .collect();
        self.jobs.send_at_once(watches.into_iter()).await
    }
}
