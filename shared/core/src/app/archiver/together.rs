//! Completions of one tenant that come within a moment are written together, where that costs less
//! than one by one: each writes the tenant's account.
//!
//! Whoever has copied waits while others of its tenant still copy, for [`WAIT_MS`] at most. The
//! last one, or the first whose patience ends, writes for all that wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;
use futures::future::{Either, select};

use crate::app::Machine;
use crate::app::machine::SignalOutcome;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::task::{Signal, Task};
use crate::port::Timer;

/// The longest that one waits for another's copy.
const WAIT_MS: u64 = 200;

/// Who copies, and who waits to be written.
#[derive(Default)]
pub(super) struct Together {
    timer: Option<Arc<dyn Timer>>,
    groups: Mutex<HashMap<TenantId, Group>>,
    next: AtomicU64,
}

/// Of one tenant.
#[derive(Default)]
struct Group {
    copying: usize,
    waiting: Vec<Waiting>,
}

struct Waiting {
    id: u64,
    task: Task,
    signal: Signal,
    turn: oneshot::Sender<Turn>,
}

/// What comes of waiting.
enum Turn {
    /// Somebody else has written it.
    Over(Box<Result<SignalOutcome>>),
    /// It writes itself and these.
    Leads(Vec<Waiting>),
}

/// A copy in progress. Until it is dropped the others of its tenant wait.
pub(super) struct Copying<'a> {
    together: &'a Together,
    tenant: TenantId,
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        let mut groups = self.together.groups();
        let Some(group) = groups.get_mut(&self.tenant) else {
            return;
        };
        group.copying = group.copying.saturating_sub(1);
        if group.copying > 0 {
            return;
        }
        let waiting = groups.remove(&self.tenant).map(|group| group.waiting);
        drop(groups);
        hand_over(waiting.unwrap_or_default());
    }
}

/// One of those that wait writes for all. One that has gone away meanwhile will come again.
fn hand_over(mut waiting: Vec<Waiting>) {
    while let Some(leader) = waiting.pop() {
        match leader.turn.send(Turn::Leads(waiting)) {
            Ok(()) | Err(Turn::Over(_)) => return,
            Err(Turn::Leads(others)) => waiting = others,
        }
    }
}

impl Together {
    pub(super) fn by(timer: Arc<dyn Timer>) -> Self {
        Self {
            timer: Some(timer),
            ..Self::default()
        }
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<TenantId, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a copy has begun; `None` if nobody waits for others here.
    pub(super) fn copying(&self, tenant: &TenantId) -> Option<Copying<'_>> {
        self.timer.as_ref()?;
        self.groups().entry(tenant.clone()).or_default().copying += 1;
        Some(Copying {
            together: self,
            tenant: tenant.clone(),
        })
    }

    /// Writes what a copy has come to, with that of others.
    pub(super) async fn signal(
        &self,
        machine: &Machine,
        copying: Option<Copying<'_>>,
        (task, signal): (Task, Signal),
    ) -> Result<Task> {
        let (Some(copying), Some(timer)) = (copying, &self.timer) else {
            let outcome = Box::pin(machine.signal(task, signal)).await;
            return outcome.map(SignalOutcome::task);
        };
        let (turn, told) = oneshot::channel();
        let (id, tenant) = (self.next.fetch_add(1, Ordering::Relaxed), &copying.tenant);
        let mine = (task.clone(), signal.clone());
        self.join(
            tenant,
            Waiting {
                id,
                task,
                signal,
                turn,
            },
        );
        let tenant = tenant.clone();
        // The last one thereby hands over, perhaps to itself.
        drop(copying);
        let turn = match select(told, timer.sleep_ms(WAIT_MS)).await {
            Either::Left((turn, _)) => turn,
            Either::Right(((), told)) => match self.take(&tenant, id) {
                Some(others) => Ok(Turn::Leads(others)),
                None => told.await,
            },
        };
        let outcome = match turn {
            Ok(Turn::Over(outcome)) => *outcome,
            Ok(Turn::Leads(others)) => Box::pin(lead(machine, &tenant, mine, others)).await,
            // Whoever was to write it has ended.
            Err(oneshot::Canceled) => Box::pin(machine.signal(mine.0, mine.1)).await,
        };
        outcome.map(SignalOutcome::task)
    }

    fn join(&self, tenant: &TenantId, waiting: Waiting) {
        let mut groups = self.groups();
        let group = groups.entry(tenant.clone()).or_default();
        group.waiting.push(waiting);
    }

    /// Those that wait with this one; `None` if somebody writes it already.
    fn take(&self, tenant: &TenantId, id: u64) -> Option<Vec<Waiting>> {
        let mut groups = self.groups();
        let group = groups.get_mut(tenant)?;
        let own = group.waiting.iter().position(|one| one.id == id)?;
        let mut others = std::mem::take(&mut group.waiting);
        drop(others.swap_remove(own));
        Some(others)
    }
}

async fn lead(
    machine: &Machine,
    tenant: &TenantId,
    mine: (Task, Signal),
    others: Vec<Waiting>,
) -> Result<SignalOutcome> {
    if others.is_empty() {
        return Box::pin(machine.signal(mine.0, mine.1)).await;
    }
    let (mut members, mut turns) = (Vec::new(), Vec::new());
    for other in others {
        members.push((other.task, other.signal));
        turns.push(other.turn);
    }
    let own = mine.clone();
    members.push(mine);
    let mut outcomes = Box::pin(machine.signal_each(tenant, members)).await;
    let outcome = outcomes.pop();
    for (turn, outcome) in turns.into_iter().zip(outcomes) {
        // One that has gone away will come again and find it written.
        drop(turn.send(Turn::Over(Box::new(outcome))));
    }
    match outcome {
        Some(outcome) => outcome,
        None => Box::pin(machine.signal(own.0, own.1)).await,
    }
}
