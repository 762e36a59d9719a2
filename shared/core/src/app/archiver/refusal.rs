//! What to do about outputs that were not copied: try again, have fresh links asked for, or end
//! their task, and at whose cost.

use super::Archiver;
use crate::app::machine::SignalOutcome;
use crate::base::error::{Error, Fault, Result};
use crate::base::id::TenantId;
use crate::domain::task::{Failure, Signal, StaleLinks, State, Step, Task};
use crate::domain::tenant::UnarchivedOutputs;
use crate::port::errors::version_moved;
use crate::port::{FetchFailure, FetchFailureSort};

/// The step that says why the outputs are not in the bucket yet.
const REFUSED: &str = "archive_refused";
/// Of one task. Reasons that come and go are written down no more often.
const REFUSALS_MAX: usize = 16;

/// Why one output was not copied.
pub(super) struct Refusal {
    error: Error,
    /// Of a fetch that the same link will never bring to a better end.
    dead_link: Option<FetchFailureSort>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self {
            error,
            dead_link: None,
        }
    }
}

impl From<FetchFailure> for Refusal {
    fn from(failure: FetchFailure) -> Self {
        Self {
            dead_link: failure.sort.needs_fresh_link().then_some(failure.sort),
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
        }) = dead.map(|index| refusals.swap_remove(index))
        {
            return self.links_failed(task, sort, &error).await;
        }
        if task.state == State::Archiving
            && self.context.now().since_ms(task.since) >= self.context.bounds.archive_max_ms
        {
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
            // The tenant may ask again.
            Some(asked)
                if self.context.now().since_ms(asked) >= self.context.bounds.archive_again_ms =>
            {
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Has the provider asked for fresh links, or ends what a fresh link did not mend.
    async fn links_failed(&self, task: Task, sort: FetchFailureSort, error: &Error) -> Result<()> {
        let fresh = task.stale.filter(|stale| self.is_the_same_trouble(stale));
        let patient = sort == FetchFailureSort::Gone && !self.machine.is_dead_for_long(&task);
        let version = task.version;
        let outcome = if fresh.is_some() && !patient {
            self.machine
                .end_outputs(
                    task,
                    error.code,
                    &format!("the outputs cannot be had: {}", error.message),
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

    /// A link that was fresh and good for a while is a link as any other.
    fn is_the_same_trouble(&self, stale: &StaleLinks) -> bool {
        stale.fresh_at.is_some_and(|fresh| {
            self.context.now().since_ms(fresh) < self.context.bounds.dead_link_max_ms
        })
    }

    /// The bound has passed, and this was the last try: the provider's work is charged where
    /// nothing but the tenant's side stood in the way.
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
                "the outputs could not be copied into the bucket in time; nothing was charged; {}",
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
                tracing::warn!(task.id = %id, tenant.id = %tenant, state, reason, "outputs were not copied in time");
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

    /// Writes down why a copy failed, so that the tenant can mend it in time. A reason that lasts
    /// is written once.
    async fn note_refusal(&self, task: &Task, error: &Error) {
        if let Err(unnoted) = self.try_note_refusal(task, error).await {
            tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, error = unnoted.with_causes(), "a step was not written");
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

/// The job comes again, and looks at the task as it is then.
fn moved_meanwhile() -> Error {
    version_moved("the task changed while its outputs were copied; it is tried again")
}
