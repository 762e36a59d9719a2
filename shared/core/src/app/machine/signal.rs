//! Applies one signal: transition, deliveries, compare-and-swap; repeated if the task changed
//! meanwhile.

use super::Machine;
use crate::base::error::{Error, Reason, Result};
use crate::base::id::RunId;
use crate::base::time::Timestamp;
use crate::base::{metric, series};
use crate::domain::task::{
    Change, FINISHED, Job, ORPHANED, Rejection, Signal, State, Step, Task, Via, transition,
};
use crate::port::Ids as _;

/// The target of the line that tells a task's end, beside those of requests and of jobs.
const END_TARGET: &str = "fluxgate::task";

/// Maximum number of attempts while the task keeps changing.
const CONFLICTS_MAX: usize = 16;

/// The effect of a signal.
#[derive(Debug)]
pub(crate) enum SignalOutcome {
    Changed(Task),
    /// A duplicate, or a signal that does not apply: the task in its current state.
    Unchanged(Task),
}

impl SignalOutcome {
    pub(crate) fn task(self) -> Task {
        match self {
            Self::Changed(task) | Self::Unchanged(task) => task,
        }
    }
}

/// Emits metrics for a step of a task.
fn observe(before: &Task, change: &Change) {
    let after = &change.task;
    if before.state.is_end() || before.state == after.state {
        return;
    }
    measure(before, change);
    tell_end(after);
    match (after.state, &after.failure) {
        (State::Completed, _) => {
            metric::COMPLETIONS.count_as(after.completed_by.map_or("none", Via::as_str));
            metric::ARCHIVE_DURATION.observe_ms(after.since.since_ms(copied_since(before, change)));
            metric::CAPTURED.add(u64::try_from(after.charged.0).unwrap_or(0));
        }
        (state, Some(failure)) if state.is_end() => metric::FAILURES.count_as(&failure.reason),
        _ => {}
    }
}

/// That a task failed is its tenant's or its model's matter, and yet what on-call is asked about.
fn tell_end(task: &Task) {
    if !task.state.is_end() {
        return;
    }
    let code = task.failure.as_ref().map(|it| it.reason.as_str());
    let (state, trace) = (task.state.as_str(), task.trace_context());
    // Several may end in the span of one of them.
    tracing::info!(target: END_TARGET, state, task.id = %task.id, tenant.id = %task.tenant, trace_id = trace.trace_id(), error.code = code, "task ended");
}

/// How long the stage took that ends here.
fn measure(before: &Task, change: &Change) {
    let after = &change.task;
    let model = series::model_label(after.model.as_str());
    let gauge = |state: State| series::TASKS.gauge(&[state.as_str(), model]);
    gauge(before.state).decrement(1.0);
    let run_ended = copied_since(before, change);
    if before.state == State::Submitted {
        let ended = if run_ended == before.since {
            after.since
        } else {
            run_ended
        };
        series::STAGE_DURATION.observe_ms(&["run"], ended.since_ms(before.since));
    }
    if !after.state.is_end() {
        return gauge(after.state).increment(1.0);
    }
    series::TASK_ENDS.count(&[after.state.as_str(), model]);
    let lived_ms = after.since.since_ms(after.created_at);
    series::STAGE_DURATION.observe_ms(&["task"], lived_ms);
    if after.state == State::Completed {
        let copied_ms = after.since.since_ms(run_ended);
        series::STAGE_DURATION.observe_ms(&["copy"], copied_ms);
    }
}

/// The run's end: written before, or with the outputs.
fn copied_since(before: &Task, change: &Change) -> Timestamp {
    let ended = change.steps.iter().find(|step| step.name == FINISHED);
    ended.map_or(before.since, |step| step.at)
}

impl Machine {
    pub(crate) async fn signal(&self, mut task: Task, signal: Signal) -> Result<SignalOutcome> {
        let signal = signal.within(self.context.bounds.sources_bytes_max);
        for _ in 0..CONFLICTS_MAX {
            let now = self.context.now();
            let mut change = match transition(&task, signal.clone(), now) {
                Ok(change) if change.is_duplicate() => return Ok(SignalOutcome::Unchanged(task)),
                Ok(change) => change,
                Err(rejected) => {
                    self.note_rejection(&task, rejected.rejection, &signal, now)
                        .await?;
                    return Ok(SignalOutcome::Unchanged(task));
                }
            };
            self.wake_soon(&mut change, &signal);
            self.announce(&task, &mut change, now).await?;
            match self.write(&task, &mut change).await {
                Ok(()) => {
                    self.after_write(&task, &change).await;
                    return Ok(SignalOutcome::Changed(change.task));
                }
                Err(error) if error.is(Reason::VersionMoved) => {
                    let given_up_in = task.state;
                    task = self.context.tasks().get(&task.tenant, &task.id).await?;
                    if signal.is_of_one_version() {
                        return Ok(SignalOutcome::Unchanged(task));
                    }
                    // The task progressed after all, so the time limit that had passed no longer
                    // applies.
                    if matches!(signal, Signal::GaveUp(_)) && task.state != given_up_in {
                        return Ok(SignalOutcome::Unchanged(task));
                    }
                }
                // An inbox was read past this moment meanwhile: the next one is later.
                Err(error) if error.is(Reason::EventLate) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::unavailable(
            "contention",
            "the task keeps changing; try again",
        ))
    }

    /// What follows a change that was written.
    pub(super) async fn after_write(&self, before: &Task, change: &Change) {
        observe(before, change);
        self.note(before, &change.task).await;
        if let (Some(ticket), None) = (before.ticket, change.task.ticket) {
            self.leave_fair_queue(&before.tenant, ticket, false).await;
        }
    }

    /// What tenants or the operator may have to be told.
    async fn note(&self, before: &Task, after: &Task) {
        if !before.state.is_end() && after.state.is_end() {
            self.alerter.note_settled(&after.tenant);
        }
        if before.state != State::Unknown && after.state == State::Unknown {
            Box::pin(self.alerter.tell_in_doubt(after)).await;
        }
    }

    /// Schedules a wake for a task that waits for the provider, so that it need not wait for its
    /// watch.
    fn wake_soon(&self, change: &mut Change, signal: &Signal) {
        let task = &change.task;
        let delay_ms = match task.state {
            State::Admitted | State::Unknown => self.submit_delay_ms(task, signal),
            _ if task.waits_for_links() => self.links_delay_ms(task),
            _ => return,
        };
        // Jitter upwards only: the provider's delay is a minimum, and tasks deferred at the same
        // moment must not all return at once.
        let delay_ms = delay_ms + self.context.entropy.u64() % (delay_ms / 5 + 1);
        let wake = Job::Wake {
            tenant: task.tenant.clone(),
            task: task.id.clone(),
            version: task.version,
            round: 0,
        };
        change.wake(wake, delay_ms);
    }

    /// The delay before a deferred or ambiguous submit is looked at again: it grows each time, and
    /// is never shorter than the provider's `Retry-After`.
    fn submit_delay_ms(&self, task: &Task, signal: &Signal) -> u64 {
        let asked_ms = match signal {
            Signal::SubmitDeferred { after_ms, .. } => after_ms
                .unwrap_or(0)
                .min(self.context.bounds.relay.retry_after_max_ms),
            _ => 0,
        };
        let again_ms = self
            .context
            .bounds
            .wake
            .delay_ms(task.submits.saturating_sub(1));
        match signal {
            Signal::Denied { .. } => self
                .context
                .bounds
                .denial
                .check_after_ms()
                .min(self.context.bounds.wake.max_ms),
            _ => again_ms.max(asked_ms),
        }
    }

    /// Fresh links are requested at once the first time, then with a growing delay.
    fn links_delay_ms(&self, task: &Task) -> u64 {
        let asked_before = task.stale.map_or(0, |stale| stale.asks.saturating_sub(1));
        asked_before
            .checked_sub(1)
            .map_or(0, |round| self.context.bounds.wake.delay_ms(round))
    }

    /// Records an orphaned run in the timeline, once.
    pub(crate) async fn note_rejection(
        &self,
        task: &Task,
        rejection: Rejection,
        signal: &Signal,
        now: Timestamp,
    ) -> Result<()> {
        let run = match (rejection, signal) {
            (Rejection::NotNow, _) => return Ok(()),
            (_, Signal::Accepted { run, .. } | Signal::RunFailed { run, .. }) => run,
            (_, Signal::Finished(finished)) => &finished.run,
            (_, Signal::RunArchived { ended, .. }) => &ended.finished.run,
            _ => return Ok(()),
        };
        let step = Step::new(now, ORPHANED).detail(format!("{ORPHANED_RUN}{run}"));
        let is_known = |timeline: &[Step]| {
            timeline
                .iter()
                .any(|known| known.name == step.name && known.detail == step.detail)
        };
        if self.note_unless(task, &step, is_known).await? {
            tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, provider.id = %run, "provider run orphaned: it belongs to no live task");
        }
        Ok(())
    }
}

/// What such a step says before the run's id.
const ORPHANED_RUN: &str = "provider run ";

/// The run that such a step names.
pub(crate) fn orphaned_run(step: &Step) -> Option<RunId> {
    let detail = step.detail.as_deref().filter(|_| step.name == ORPHANED)?;
    RunId::parse(detail.strip_prefix(ORPHANED_RUN)?).ok()
}
