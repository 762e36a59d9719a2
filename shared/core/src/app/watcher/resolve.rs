//! An ambiguous submit is never sent again: it is looked for in the provider's own list, which may
//! show its run or deny it.

use super::Watcher;
use super::likeness::Sought;
use crate::app::media::parse_inputs;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::domain::provider::ProviderRun;
use crate::domain::task::{Failure, Signal, State, Task, Via};
use crate::port::RunList;

/// How far the provider's clock may differ from ours.
const CLOCK_SKEW_MS: u64 = 60_000;
/// The provider forgets runs after seven days. What its list does not show of a time before this
/// says nothing.
const LIST_KEPT_MS: u64 = 6 * 86_400_000;

/// What the provider's list says of a submit in doubt.
enum Look {
    Found(Box<ProviderRun>),
    /// It holds every run of that time, and none of them can be this one.
    Denied,
    Unclear,
}

/// When the run of a submit in doubt must have come into being, by our clock.
struct Stretch {
    from: Timestamp,
    until: Timestamp,
}

impl Watcher {
    pub(super) async fn resolve(&self, task: Task) -> Result<Task> {
        let look = match self.look(&task).await {
            // Without the list nobody can say that the run does not exist; wait, but not for ever.
            Err(error)
                if self.context.now().since_ms(task.since) < self.context.bounds.run_max_ms =>
            {
                return Err(error);
            }
            look => look.unwrap_or(Look::Unclear),
        };
        let task = match look {
            Look::Found(run) => {
                return Ok(self
                    .machine
                    .signal(task, run.signal(Via::Resolve))
                    .await?
                    .task());
            }
            Look::Denied => self.deny(task).await?,
            Look::Unclear => task,
        };
        if task.state != State::Unknown
            || self.context.now().since_ms(task.since) < self.context.bounds.unknown_max_ms
        {
            return Ok(task);
        }
        let text = "nobody can tell whether the model took the task; nothing was charged, submit it again with a new key";
        self.machine
            .give_up(task, Failure::new(5000, "submit_unresolved", text))
            .await
    }

    /// Writes the denial down, and ends the task when there were enough. A run that shows itself
    /// later is an orphan.
    async fn deny(&self, task: Task) -> Result<Task> {
        let terms = self.context.bounds.denial;
        let task = self
            .machine
            .signal(
                task,
                Signal::Denied {
                    gap_ms: terms.gap_ms(),
                },
            )
            .await?
            .task();
        if task.state != State::Unknown || !task.doubt.is_some_and(|doubt| doubt.is_refuted(terms))
        {
            return Ok(task);
        }
        let text = "the submit was cut off and never reached the model; nothing was charged. \
                    Submit it again with a new Idempotency-Key: the old one goes on naming this task";
        self.machine
            .give_up(task, Failure::new(5000, "submit_lost", text))
            .await
    }

    async fn look(&self, task: &Task) -> Result<Look> {
        let sought = Sought::of(
            parse_inputs(&self.context.tasks().inputs(&task.tenant, &task.id).await?),
            &task.uploads,
        );
        let stretch = self.stretch(task, &sought);
        let may_deny = self.context.now() >= stretch.until
            && self.context.now().since_ms(stretch.from) < LIST_KEPT_MS;
        if !sought.is_whole() && !may_deny {
            return Ok(Look::Unclear);
        }
        let from = Timestamp(
            stretch
                .from
                .0
                .saturating_sub(i64::try_from(CLOCK_SKEW_MS).unwrap_or(0)),
        );
        let list = self
            .provider
            .runs_between(&task.model, from, stretch.until.plus_ms(CLOCK_SKEW_MS))
            .await?;
        let speaks = may_deny && list.whole && self.clocks_agree(&list);
        self.judge(&sought, list.runs, speaks).await
    }

    /// `speaks`: what the list does not show does not exist.
    async fn judge(&self, sought: &Sought, runs: Vec<ProviderRun>, speaks: bool) -> Result<Look> {
        let mut runs: Vec<ProviderRun> = runs
            .into_iter()
            .filter(|run| sought.is(run) || (speaks && sought.may_be(run)))
            .collect();
        runs.sort_by_key(|run| run.created_at);
        let ids: Vec<_> = runs.iter().map(|run| run.id.clone()).collect();
        let claimed = self.context.tasks().claimed(&ids).await?;
        runs.retain(|run| !claimed.contains(&run.id));
        // A younger one may belong to a submit that is still waiting for its answer.
        let settled = |run: &ProviderRun| {
            run.created_at.is_some_and(|at| {
                self.context.now().since_ms(at) > self.context.bounds.submit_timeout_ms
            })
        };
        if let Some(n) = runs.iter().position(|run| sought.is(run) && settled(run)) {
            return Ok(Look::Found(Box::new(runs.swap_remove(n))));
        }
        Ok(if speaks && runs.is_empty() {
            Look::Denied
        } else {
            Look::Unclear
        })
    }

    /// The POST left after the submit was begun. It left before the task came into doubt, or as
    /// late as [`Sender::send`] allows, and the provider took it before it timed out or never.
    fn stretch(&self, task: &Task, sought: &Sought) -> Stretch {
        let uploads_ms = if sought.is_whole() && task.uploads.is_empty() {
            0
        } else {
            self.context.bounds.uploads_max_ms
        };
        Stretch {
            from: task.doubt.map_or(task.created_at, |doubt| doubt.begun),
            until: task
                .since
                .plus_ms(self.context.bounds.submit_timeout_ms)
                .plus_ms(uploads_ms),
        }
    }

    /// The list is asked for by our clock and kept by the provider's, so it denies only what both
    /// date alike. The `Date` of the answer is the proof: it is there however few runs there are.
    fn clocks_agree(&self, list: &RunList) -> bool {
        let now = self.context.now();
        list.told_at.is_some_and(|told_at| {
            told_at.since_ms(now).max(now.since_ms(told_at)) <= CLOCK_SKEW_MS
        })
    }
}
