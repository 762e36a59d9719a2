//! What to do about outputs that could not be copied: retry, request fresh links, or end the task,
//! and who pays in that case.

use super::Archiver;
use crate::app::machine::SignalOutcome;
use crate::base::error::{Error, Fault, Reason, Result};
use crate::base::id::TenantId;
use crate::domain::task::{Failure, Signal, StaleLinks, State, Step, Task};
use crate::domain::tenant::UnarchivedOutputs;
use crate::port::errors::version_moved;
use crate::port::{FetchFailure, FetchFailureSort};

/// Timeline step recording why outputs are not in the bucket yet.
const REFUSED: &str = "archive_refused";
/// Maximum number of such steps per task, in case the reason keeps alternating.
const REFUSALS_MAX: usize = 16;

/// Why one output was not copied.
pub(super) struct Refusal {
    error: Error,
    /// Set if fetching this link again can never succeed.
    dead_link: Option<FetchFailureSort>,
    /// Nothing was tried, because this process has no room.
    is_busy: bool,
}

impl Refusal {
    pub(super) fn code(&self) -> &'static str {
        self.error.code
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            error,
            dead_link: None,
            is_busy: false,
        }
    }
}

impl From<FetchFailure> for Refusal {
    fn from(failure: FetchFailure) -> Self {
        Self {
            dead_link: failure.sort.needs_fresh_link().then_some(failure.sort),
            is_busy: failure.sort == FetchFailureSort::Busy,
            error: failure.error,
        }
    }
}

impl Archiver {
    pub(super) async fn refused(&self, task: Task, mut refusals: Vec<Refusal>) -> Result<()> {
        let dead = refusals
            .iter()
            .position(|refusal| refusal.dead_link.is_some());
        if let Some(Refusal {
            error,
            dead_link: Some(sort),
            ..
        }) = dead.map(|index| refusals.swap_remove(index))
        {
            return self.links_failed(task, sort, &error).await;
        }
        // It decides nothing, and is told nobody: the job comes again when others are done.
        if let Some(busy) = refusals.iter().position(|refusal| refusal.is_busy) {
            return Err(refusals.swap_remove(busy).error.because(Reason::NoRoom));
        }
        if self.decides(&task) {
            return self.end_archiving(task, &refusals).await;
        }
        let Some(Refusal { error, .. }) = refusals.pop() else {
            return Ok(());
        };
        self.note_refusal(&task, &error).await;
        let asked_at = task
            .unarchived
            .as_ref()
            .and_then(|unarchived| unarchived.asked_at);
        match asked_at {
            // Enough retries for one request; the tenant may request another copy.
            Some(asked)
                if self.context.now().since_ms(asked) >= self.context.bounds.archive_again_ms =>
            {
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// True once the time limit has passed: this attempt is the last one.
    pub(super) fn decides(&self, task: &Task) -> bool {
        task.state == State::Archiving
            && self.context.now().since_ms(task.since) >= self.context.bounds.archive_max_ms
    }

    /// Requests fresh links from the provider, or ends the task if fresh links have already failed.
    async fn links_failed(&self, task: Task, sort: FetchFailureSort, error: &Error) -> Result<()> {
        let fresh = task.stale.filter(|stale| self.is_the_same_trouble(stale));
        let patient = sort == FetchFailureSort::Gone && !self.machine.is_dead_for_long(&task);
        let version = task.version;
        let outcome = if fresh.is_some() && !patient {
            self.machine
                .end_outputs(
                    task,
                    error.code,
                    &format!("the outputs cannot be fetched: {}", error.message),
                )
                .await?
        } else {
            let reason = format!("{}: {}", error.code, error.message);
            self.machine
                .signal(
                    task,
                    Signal::LinksFailed {
                        again: fresh.is_some(),
                        reason,
                    },
                )
                .await?
                .task()
        };
        if outcome.version == version {
            return Err(moved_meanwhile());
        }
        Ok(())
    }

    /// False if the fresh link worked for a while before failing: that counts as a new failure.
    fn is_the_same_trouble(&self, stale: &StaleLinks) -> bool {
        stale.fresh_at.is_some_and(|fresh| {
            self.context.now().since_ms(fresh) < self.context.bounds.dead_link_max_ms
        })
    }

    /// Called once the time limit has passed and the last attempt has failed. The task is charged
    /// only if every failure was on the tenant's side.
    async fn end_archiving(&self, task: Task, refusals: &[Refusal]) -> Result<()> {
        let Some(Refusal { error, .. }) = refusals.last() else {
            return Ok(());
        };
        let fault = Failure::new(5000, error.code, error.message.clone());
        let tenants_side = refusals
            .iter()
            .all(|refusal| refusal.error.fault == Fault::Tenant);
        let (id, tenant) = (task.id.clone(), task.tenant.clone());
        let outcome = if tenants_side && self.charges_unarchived(&tenant).await? {
            let expires_at = task.since.plus_ms(self.context.bounds.outputs_kept_ms);
            self.machine
                .signal(task, Signal::ArchiveAbandoned { fault, expires_at })
                .await?
        } else {
            let text = format!(
                "the outputs could not be copied into the bucket in time: {}; nothing was charged",
                fault.message
            );
            self.machine
                .signal(
                    task,
                    Signal::GaveUp(Failure {
                        message: text,
                        ..fault
                    }),
                )
                .await?
        };
        match outcome {
            SignalOutcome::Changed(task) => {
                let (state, reason) = (task.state.as_str(), error.code);
                tracing::warn!(task.id = %id, tenant.id = %tenant, state, reason, "outputs could not be copied in time; the task has ended or given up copying");
                Ok(())
            }
            SignalOutcome::Unchanged(_) => Err(moved_meanwhile()),
        }
    }

    async fn charges_unarchived(&self, tenant: &TenantId) -> Result<bool> {
        Ok(self
            .context
            .tenants()
            .get_eventual(tenant)
            .await?
            .unarchived
            == UnarchivedOutputs::Charge)
    }

    /// Records why a copy failed in the timeline, so that the tenant can fix it in time. A reason
    /// that persists is recorded once.
    async fn note_refusal(&self, task: &Task, error: &Error) {
        if let Err(unnoted) = self.try_note_refusal(task, error).await {
            tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error = unnoted.with_causes(), "could not record the copy failure in the timeline");
        }
    }

    async fn try_note_refusal(&self, task: &Task, error: &Error) -> Result<()> {
        let text = format!("{}: {}", error.code, error.message);
        let step = Step::new(self.context.now(), REFUSED).detail(text);
        let enough = |timeline: &[Step]| {
            let known: Vec<&Step> = timeline
                .iter()
                .filter(|known| known.name == REFUSED)
                .collect();
            known.last().is_some_and(|last| last.detail == step.detail)
                || known.len() >= REFUSALS_MAX
        };
        self.machine
            .note_unless(task, &step, enough)
            .await
            .map(drop)
    }
}

/// The job is retried and re-reads the task.
fn moved_meanwhile() -> Error {
    version_moved("the task changed while its outputs were being copied; retrying")
}
