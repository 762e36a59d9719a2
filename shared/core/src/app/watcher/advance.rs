//! The main loop, level-triggered: looks at a task's state and takes its next step.

use super::Watcher;
use crate::app::machine::SignalOutcome;
use crate::app::traced::follow;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{Failure, Job, State, Step, Task, Via};
use crate::domain::webhook::Delivery;

/// How long the provider may fail to find a run that it had accepted before the run counts as lost.
const LOST_MAX_MS: u64 = 600_000;

/// The longest interval between two nudges of the archiver.
const NUDGE_MAX_MS: u64 = 3_600_000;

/// The timeline step for a run that the provider does not find, and its name in earlier releases.
const MISSING: &str = "run_missing";
const MISSING_ONCE: &str = "missing_upstream";

/// A task in its new state after a step.
pub(super) struct Advanced {
    pub(super) task: Task,
    /// When to check again, for a task waiting in the fair queue.
    pub(super) check_after_ms: Option<u64>,
    /// Those of a task that had ended before the step, if they were read.
    pub(super) deliveries: Option<Vec<Delivery>>,
}

impl From<Task> for Advanced {
    fn from(task: Task) -> Self {
        Self {
            task,
            check_after_ms: None,
            deliveries: None,
        }
    }
}

impl Watcher {
    /// Takes the next step of a task.
    pub(super) async fn advance(&self, tenant: &TenantId, id: &TaskId) -> Result<Advanced> {
        // A stale read is safe: its step is rejected or has no effect, and the watch comes again.
        let read = self.context.deliveries().of_ended_task(tenant, id);
        let (task, deliveries) = read.await?;
        if self.machine.waits_in_line(&task) {
            // Except here: the fair queue would keep a place for a task that has left it.
            return self
                .take_step(self.context.tasks().get(tenant, id).await?)
                .await;
        }
        let version = task.version;
        let advanced = self.take_step(task).await?;
        let is_unmoved = advanced.task.version == version && advanced.task.state.is_end();
        Ok(Advanced {
            deliveries: is_unmoved.then_some(deliveries),
            ..advanced
        })
    }

    /// As [`Self::advance`], for a task that is already loaded.
    pub(super) async fn take_step(&self, task: Task) -> Result<Advanced> {
        follow(&task);
        if self.machine.waits_in_line(&task) {
            return self.check_fair_queue(task).await;
        }
        self.step(task).await.map(Advanced::from)
    }

    async fn step(&self, task: Task) -> Result<Task> {
        match task.state {
            State::Admitted => self.submit_late_or_give_up(task).await,
            State::Submitting => self.doubt(task).await,
            State::Unknown => self.resolve(task).await,
            State::Submitted => self.poll(task).await,
            State::Archiving => self.see_to_outputs(task).await,
            State::Completed | State::Failed | State::Cancelled | State::Timeout if task.untold => {
                self.machine.tell(task).await
            }
            // The tenant asked for its outputs to be copied again.
            State::Completed if task.waits_for_links() => self.ask_for_links(task).await,
            State::Completed | State::Failed | State::Cancelled | State::Timeout => Ok(task),
        }
    }

    async fn submit_late_or_give_up(&self, task: Task) -> Result<Task> {
        if self.context.now().since_ms(self.ready_since(&task))
            < self.context.bounds.admitted_max_ms
        {
            return self.sender.send_late(task).await;
        }
        let text = "the model did not take the task in time; nothing was charged, submit it again";
        self.machine
            .give_up(task, Failure::new(5003, "submit_timeout", text))
            .await
    }

    /// The time since which the task has waited only for the provider. If the fair queue it waits
    /// in no longer exists, it may be sent from now on.
    fn ready_since(&self, task: &Task) -> Timestamp {
        match task.ticket {
            Some(ticket) if ticket.waits() && task.submits == 0 => self.context.now(),
            ticket => ticket
                .and_then(|ticket| ticket.taken_at)
                .unwrap_or(task.created_at),
        }
    }

    /// A submit that should have been answered long ago was interrupted, most likely by a crash: it
    /// may or may not have been sent.
    async fn doubt(&self, task: Task) -> Result<Task> {
        if self.sender.submit_remaining_ms(task.since) > 0 {
            return Ok(task);
        }
        let reason = "the submit was interrupted".to_owned();
        Ok(self
            .machine
            .signal(task, self.sender.ambiguous(reason))
            .await?
            .task())
    }

    async fn poll(&self, task: Task) -> Result<Task> {
        let Some(provider) = task.run.clone() else {
            return Ok(task);
        };
        let overdue = self.context.now().since_ms(task.since) >= self.context.bounds.run_max_ms;
        let trace = self.context.hop(&task);
        match self.provider.result(&provider, &trace).await {
            Ok(Some(run)) => {
                self.learn_length(&task, &run);
                let told = match self
                    .machine
                    .signal(task.clone(), run.signal(Via::Poll))
                    .await
                {
                    Err(error) if !overdue => return Err(error),
                    told => told.map_or(task, SignalOutcome::task),
                };
                if told.state == State::Submitted && overdue {
                    self.run_timed_out(told).await
                } else {
                    Ok(told)
                }
            }
            Ok(None) if overdue || self.is_lost(&task).await? => {
                let text =
                    "the model no longer knows this run; nothing was charged, submit it again";
                self.machine
                    .give_up(task, Failure::new(5000, "provider_lost", text))
                    .await
            }
            Ok(None) => Ok(task),
            Err(_) if overdue => self.run_timed_out(task).await,
            Err(error) => Err(error),
        }
    }

    async fn run_timed_out(&self, task: Task) -> Result<Task> {
        let text = "the model did not finish in time; nothing was charged";
        self.machine
            .give_up(task, Failure::new(5004, "model_timeout", text))
            .await
    }

    /// Records that the provider does not find the run; true if that has lasted so long that the
    /// run is lost.
    async fn is_lost(&self, task: &Task) -> Result<bool> {
        let now = self.context.now();
        let timeline = self
            .context
            .tasks()
            .timeline(&task.tenant, &task.id)
            .await?;
        let missing: Vec<Timestamp> = timeline
            .iter()
            .filter(|step| [MISSING, MISSING_ONCE].contains(&step.name.as_str()))
            .map(|step| step.at)
            .chain([now])
            .collect();
        self.context
            .tasks()
            .note(
                &task.tenant,
                &task.id,
                &Step::new(now, MISSING).via(Via::Poll),
            )
            .await?;
        Ok(unbroken_ms(&missing, self.context.bounds.watch.max_ms * 2) >= LOST_MAX_MS)
    }

    /// The archiver does the work: at the time limit it makes one last attempt and decides.
    async fn see_to_outputs(&self, task: Task) -> Result<Task> {
        let (age_ms, max_ms) = (
            self.context.now().since_ms(task.since),
            self.context.bounds.archive_max_ms,
        );
        if age_ms >= max_ms.saturating_add(self.context.bounds.archive_grace_ms) {
            let text =
                "the outputs could not be copied in time; nothing was charged, submit it again";
            return self
                .machine
                .give_up(task, Failure::new(5000, "archive_failed", text))
                .await;
        }
        if task.waits_for_links() {
            return self.ask_for_links(task).await;
        }
        if age_ms >= max_ms
            || is_nudge_due(
                age_ms,
                self.context.bounds.archive_stall_ms,
                self.context.bounds.watch.max_ms,
            )
        {
            let job = Job::Archive {
                tenant: task.tenant.clone(),
                task: task.id.clone(),
            };
            self.jobs.send_at_once([job].into_iter()).await?;
        }
        Ok(task)
    }
}

/// True about once per doubling of the age, then once an hour. Each nudge is a job with its own
/// retries, and where jobs cannot be replaced they would pile up.
fn is_nudge_due(age_ms: u64, stall_ms: u64, watch_max_ms: u64) -> bool {
    let mut step_ms = stall_ms.max(1);
    if age_ms < step_ms {
        return false;
    }
    while step_ms.saturating_mul(2) <= age_ms && step_ms < NUDGE_MAX_MS {
        step_ms *= 2;
    }
    // The watch comes at least this often, including jitter.
    age_ms % step_ms < watch_max_ms + watch_max_ms / 4
}

/// How far the newest sightings go back without a gap over `gap_max_ms`. Oldest first.
fn unbroken_ms(sightings: &[Timestamp], gap_max_ms: u64) -> u64 {
    let Some(newest) = sightings.last() else {
        return 0;
    };
    let breaks = sightings
        .windows(2)
        .rposition(|pair| pair[1].since_ms(pair[0]) > gap_max_ms);
    newest.since_ms(sightings[breaks.map_or(0, |index| index + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stalled_copy_is_nudged_soon_and_then_about_hourly() {
        let minute = 60_000;
        let due: Vec<u64> = (0..24 * 60 / 5)
            .filter(|n| is_nudge_due(n * 5 * minute, 5 * minute, 5 * minute))
            .collect();

        assert_eq!(due[..4], [1, 2, 3, 4]);
        assert!((24..60).contains(&due.len()), "{} nudges a day", due.len());
        assert!(
            due.windows(2).all(|pair| pair[1] - pair[0] <= 17),
            "{due:?}"
        );
    }

    #[test]
    fn sightings_with_a_gap_between_them_do_not_add_up() {
        let at = |minutes: &[i64]| {
            minutes
                .iter()
                .map(|minute| Timestamp(minute * 60_000))
                .collect::<Vec<_>>()
        };

        assert_eq!(unbroken_ms(&at(&[0, 5, 10]), 600_000), 600_000);
        assert_eq!(unbroken_ms(&at(&[0, 60, 65]), 600_000), 300_000);
        assert_eq!(unbroken_ms(&at(&[7]), 600_000), 0);
    }
}
