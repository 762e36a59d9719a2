//! Decides what happens to a watch or a wake after its look at the task.

use async_trait::async_trait;

use super::Watcher;
use super::advance::Advanced;
use crate::app::jobs::{Jobs, Worker, warn};
use crate::base::error::{Kind, Result};
use crate::domain::fair_queue::CHECK_MAX_MS;
use crate::domain::task::{Job, State, Task};
use crate::port::Lease;

/// How long a job waits for whoever sees to a restored store.
const RESTORED_AGAIN_MS: u64 = 60_000;

#[async_trait]
impl Worker for Watcher {
    async fn work(&self, lease: &Lease) -> Result<()> {
        if let Err(error) = self.context.check_restored().await {
            // What the store says of any task may be outdated.
            warn(&error);
            let delay_ms = self.jobs.jittered_ms(RESTORED_AGAIN_MS);
            return self.jobs.again(lease, &lease.job, delay_ms).await;
        }
        match &lease.job {
            Job::Watch {
                tenant,
                task,
                round,
            } => {
                let advanced = Box::pin(self.advance(tenant, task)).await;
                self.after_watch(lease, *round, advanced).await
            }
            Job::Wake {
                tenant,
                task,
                version,
                round,
            } => {
                let advanced = match self.context.tasks().get(tenant, task).await {
                    Ok(task) if task.version == *version => self.take_step(task).await,
                    Err(error) if error.kind != Kind::NotFound => Err(error),
                    // The task has moved on, or was never written.
                    _ => return self.jobs.ack(lease).await,
                };
                self.after_wake(lease, *version, *round, advanced).await
            }
            Job::Batch { .. } => self.batches.work(lease).await,
            Job::Archive { .. }
            | Job::ArchiveRun { .. }
            | Job::Deliver { .. }
            | Job::Recover { .. } => Jobs::refuse(lease),
        }
    }

    async fn after_panic(&self, lease: &Lease) -> Result<()> {
        self.jobs.after_panic(lease).await
    }

    async fn tell_noted(&self) {
        self.machine.alerter.tell_noted().await;
    }
}

impl Watcher {
    /// The watch continues until its task has ended and its deliveries are on their way, even after
    /// errors.
    async fn after_watch(
        &self,
        lease: &Lease,
        round: u32,
        advanced: Result<Advanced>,
    ) -> Result<()> {
        let delay_ms = match &advanced {
            // A wake checks for the turn; the watch is the fallback in case it is lost, and counts
            // its rounds from the submit on.
            Ok(Advanced {
                check_after_ms: Some(_),
                ..
            }) => {
                return self
                    .jobs
                    .again(lease, &first_round(&lease.job), CHECK_MAX_MS)
                    .await;
            }
            Ok(Advanced {
                task, deliveries, ..
            }) if task.state.is_end() && !task.untold => {
                match self
                    .resend_lost_deliveries(task, deliveries.as_deref())
                    .await?
                {
                    None => return self.jobs.ack(lease).await,
                    Some(delay_ms) => delay_ms,
                }
            }
            Ok(Advanced { task, .. }) => {
                if let Some(delay_ms) = self.poll_delay_ms(task) {
                    let next = next_round(&lease.job);
                    return self.jobs.again(lease, &next, delay_ms).await;
                }
                self.watch_delay_ms(task, round + 1)
            }
            Err(error) if error.kind == Kind::NotFound => return self.jobs.ack(lease).await,
            Err(error) => {
                warn(error);
                self.context.bounds.watch.delay_ms(round + 1)
            }
        };
        let delay_ms = self.jobs.jittered_ms(delay_ms);
        self.jobs
            .again(lease, &next_round(&lease.job), delay_ms)
            .await
    }

    fn watch_delay_ms(&self, task: &Task, round: u32) -> u64 {
        let growing = self.context.bounds.watch.delay_ms(round);
        match task.state {
            State::Submitting => growing.min(self.sender.submit_remaining_ms(task.since) + 1),
            _ => growing,
        }
    }

    /// A wake that changed nothing is retried; one that did is done, as the change sends its own
    /// jobs.
    async fn after_wake(
        &self,
        lease: &Lease,
        version: u64,
        round: u32,
        advanced: Result<Advanced>,
    ) -> Result<()> {
        match &advanced {
            Ok(Advanced { task, .. }) if task.version != version => {
                return self.jobs.ack(lease).await;
            }
            Ok(Advanced {
                check_after_ms: Some(delay_ms),
                ..
            }) => {
                return self
                    .jobs
                    .again(lease, &first_round(&lease.job), *delay_ms)
                    .await;
            }
            // The task is finished; nothing is left to wait for.
            Ok(Advanced { task, .. })
                if task.state.is_end() && !task.untold && !task.waits_for_links() =>
            {
                return self.jobs.ack(lease).await;
            }
            Ok(_) => {}
            Err(error) => warn(error),
        }
        let delay_ms = self
            .jobs
            .jittered_ms(self.context.bounds.wake.delay_ms(round + 1));
        self.jobs
            .again(lease, &next_round(&lease.job), delay_ms)
            .await
    }
}

fn first_round(job: &Job) -> Job {
    match job.clone() {
        Job::Watch { tenant, task, .. } => Job::Watch {
            tenant,
            task,
            round: 0,
        },
        Job::Wake {
            tenant,
            task,
            version,
            ..
        } => Job::Wake {
            tenant,
            task,
            version,
            round: 0,
        },
        other => other,
    }
}

fn next_round(job: &Job) -> Job {
    match job.clone() {
        Job::Watch {
            tenant,
            task,
            round,
        } => Job::Watch {
            tenant,
            task,
            round: round.saturating_add(1),
        },
        Job::Wake {
            tenant,
            task,
            version,
            round,
        } => Job::Wake {
            tenant,
            task,
            version,
            round: round.saturating_add(1),
        },
        other => other,
    }
}
