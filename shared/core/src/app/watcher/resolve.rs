//! Resolves ambiguous submits. They are never sent again, but looked up in the provider's own list,
//! which may show the run or prove that there is none.

use std::collections::HashSet;
use std::sync::Arc;

use super::Watcher;
use super::likeness::Sought;
use crate::app::media::parse_inputs;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::domain::provider::ProviderRun;
use crate::domain::task::{Failure, Signal, State, Task, Via};
use crate::port::{RunList, RunSpan};

/// How exactly the provider's clock is known.
const CLOCK_SKEW_MS: u64 = 60_000;
/// The provider forgets runs after seven days. For times older than this, a run missing from its
/// list proves nothing.
const LIST_KEPT_MS: u64 = 6 * 86_400_000;

/// A list that is longer than one reading holds is read in so many parts, from the newest runs on:
/// a run is found in any of them. Only a list of one part denies one.
const PARTS_MAX: usize = 4;

/// What the provider's list says of a submit in doubt.
enum Evidence {
    Found(Arc<ProviderRun>),
    /// The list holds every run of that time, and none can be this one. With the time when its
    /// reading began.
    Denied(Timestamp),
    Unclear,
}

/// The interval in which the run of a submit in doubt must have been created, by the provider's
/// clock: ours may be off by hours, and may be set while the submit is in doubt.
struct Stretch {
    from: Timestamp,
    until: Timestamp,
}

impl Watcher {
    pub(super) async fn resolve(&self, task: Task) -> Result<Task> {
        let evidence = match self.ask_the_list(&task).await {
            // Without the list nobody can say that the run does not exist; wait, but not for ever.
            Err(error) if self.in_doubt_ms(&task) < self.context.bounds.run_max_ms => {
                return Err(error);
            }
            evidence => evidence.unwrap_or(Evidence::Unclear),
        };
        let task = match evidence {
            Evidence::Found(run) => {
                return Ok(self
                    .machine
                    .signal(task, Arc::unwrap_or_clone(run).signal(Via::Resolve))
                    .await?
                    .task());
            }
            Evidence::Denied(read_at) => self.deny(task, read_at).await?,
            Evidence::Unclear => task,
        };
        if task.state != State::Unknown
            || self.in_doubt_ms(&task) < self.context.bounds.unknown_max_ms
        {
            return Ok(task);
        }
        let text = "it could not be determined whether the model accepted the task; nothing was charged, submit it again with a new Idempotency-Key";
        self.machine
            .give_up(task, Failure::new(5000, "submit_unresolved", text))
            .await
    }

    /// By the provider's clock: ours may have been set since.
    fn in_doubt_ms(&self, task: &Task) -> u64 {
        let ahead_ms = self.provider.clock_ahead_ms().unwrap_or(0);
        there(self.context.now(), ahead_ms).since_ms(there(task.since, then_ms(task, ahead_ms)))
    }

    /// Records the denial, and ends the task after enough of them. A run that appears later is an
    /// orphan.
    async fn deny(&self, task: Task, read_at: Timestamp) -> Result<Task> {
        let terms = self.context.bounds.denial;
        let task = self
            .machine
            .signal(
                task,
                Signal::Denied {
                    read_at,
                    gap_ms: terms.gap_ms(),
                },
            )
            .await?
            .task();
        if task.state != State::Unknown || !task.doubt.is_some_and(|doubt| doubt.is_refuted(terms))
        {
            return Ok(task);
        }
        let text = "the submit was interrupted and never reached the model; nothing was charged. \
                    Submit it again with a new Idempotency-Key: the old one still refers to this task";
        self.machine
            .give_up(task, Failure::new(5000, "submit_lost", text))
            .await
    }

    async fn ask_the_list(&self, task: &Task) -> Result<Evidence> {
        // Without them any run would look like this one.
        let Some(inputs) = self.context.stored_inputs(task).await? else {
            return Ok(Evidence::Unclear);
        };
        let sought = Sought::of(parse_inputs(&inputs), &task.uploads);
        let ahead_ms = self.provider.clock_ahead_ms().unwrap_or(0);
        let now = there(self.context.now(), ahead_ms);
        let stretch = self.stretch(task, &sought, ahead_ms);
        let may_deny = now >= stretch.until && now.since_ms(stretch.from) < LIST_KEPT_MS;
        if !sought.is_whole() && !may_deny {
            return Ok(Evidence::Unclear);
        }
        let mut span = RunSpan {
            since: stretch.from.minus_ms(CLOCK_SKEW_MS),
            until: stretch.until.plus_ms(CLOCK_SKEW_MS),
            rest: None,
        };
        let trace = self.context.hop(task);
        for _ in 0..PARTS_MAX {
            let list = self.provider.runs_between(&task.model, span, &trace);
            let list = list.await?;
            let is_in_time = is_told_in_time(&list, ahead_ms);
            if is_in_time == Some(false) {
                // Asked for by what the clock was taken for; the answer has told it for the next.
                return Ok(Evidence::Unclear);
            }
            let (is_first, next) = (span.rest.is_none(), list.read_back_to);
            let speaks_of = list.read_at.filter(|read_at| {
                let has_passed = there(*read_at, ahead_ms) >= stretch.until;
                may_deny && is_first && list.whole && has_passed && is_in_time.is_some()
            });
            match self.judge(&sought, list.runs, speaks_of, now).await? {
                Evidence::Unclear if next.is_some_and(|next| goes_back(span, next)) => {}
                evidence => return Ok(evidence),
            }
            span.rest = next;
        }
        Ok(Evidence::Unclear)
    }

    /// `speaks_of`: what the list does not show did not exist then. `now` is by the provider's
    /// clock.
    async fn judge(
        &self,
        sought: &Sought,
        runs: Vec<Arc<ProviderRun>>,
        speaks_of: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Evidence> {
        let mut runs: Vec<Arc<ProviderRun>> = runs
            .into_iter()
            .filter(|run| sought.is(run) || (speaks_of.is_some() && sought.may_be(run)))
            .collect();
        runs.sort_by_key(|run| run.created_at);
        let ids: Vec<_> = runs.iter().map(|run| run.id.clone()).collect();
        let claimed: HashSet<_> = self
            .context
            .tasks()
            .claimed(&ids)
            .await?
            .into_iter()
            .collect();
        runs.retain(|run| !claimed.contains(&run.id));
        // A newer run may belong to a submit that is still waiting for its answer.
        let settled = |run: &ProviderRun| {
            run.created_at
                .is_some_and(|at| now.since_ms(at) > self.context.bounds.submit_timeout_ms)
        };
        if let Some(n) = runs.iter().position(|run| sought.is(run) && settled(run)) {
            return Ok(Evidence::Found(runs.swap_remove(n)));
        }
        Ok(match speaks_of {
            Some(read_at) if runs.is_empty() => Evidence::Denied(read_at),
            _ => Evidence::Unclear,
        })
    }

    /// The POST was sent after the submit was started and before the task came into doubt, or as
    /// late as [`Sender::send`] allows; the provider accepted it before the POST timed out, or
    /// never.
    fn stretch(&self, task: &Task, sought: &Sought, ahead_ms: i64) -> Stretch {
        let at = |at| there(at, then_ms(task, ahead_ms));
        let uploads_ms = if sought.is_whole() && task.uploads.is_empty() {
            0
        } else {
            self.context.bounds.uploads_max_ms
        };
        Stretch {
            from: at(task.doubt.map_or(task.created_at, |doubt| doubt.begun)),
            until: at(task.since)
                .plus_ms(self.context.bounds.submit_timeout_ms)
                .plus_ms(uploads_ms),
        }
    }
}

/// Whether this leads further back than the part of the list that was read: else more runs were
/// created in a moment than a part holds.
fn goes_back(span: RunSpan, next: Timestamp) -> bool {
    next > span.since && next < span.rest.unwrap_or(span.until)
}

/// A time of our clock as the provider's has it.
fn there(at: Timestamp, ahead_ms: i64) -> Timestamp {
    Timestamp(at.0.saturating_sub(ahead_ms))
}

/// How far our clock was ahead when the submit came into doubt, as far as that was known.
fn then_ms(task: &Task, ahead_ms: i64) -> i64 {
    let then_ms = task.doubt.and_then(|doubt| doubt.ahead_ms);
    then_ms.unwrap_or(ahead_ms)
}

/// Whether the provider's clock is what it was taken for, which a list that is empty tells too;
/// `None` if it does not tell the time, and then proves no absence.
fn is_told_in_time(list: &RunList, ahead_ms: i64) -> Option<bool> {
    let read_at = there(list.read_at?, ahead_ms);
    Some(list.told_at?.0.abs_diff(read_at.0) <= CLOCK_SKEW_MS)
}
