//! How a delivery moves: pure and total, as a task does.

use super::{ATTEMPTS_KEPT, Attempt, Delivery, DeliveryState};
use crate::base::time::Timestamp;

/// What happens to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliverySignal {
    /// A worker with a job of this round is about to send it, and done by then.
    Begin { round: u32, until: Timestamp },
    /// What came of an attempt that was made for this round, and what follows from it there.
    Attempted {
        round: u32,
        attempt: Attempt,
        next: Next,
    },
    /// Whoever reads its endpoint has read it.
    Acknowledge,
    /// Its endpoint is disabled.
    Hold,
    /// Its endpoint is enabled again.
    Release,
    /// The tenant wants it to be sent, whatever became of it.
    Replay,
    /// The tenant does not want it to be sent.
    Cancel,
    /// Its endpoint is gone, or the task that it is about was deleted.
    Drop,
    /// What its receiver said is to be forgotten.
    Erase,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Delivered,
    RetryAt(Timestamp),
    Exhausted,
    /// The endpoint was disabled by the answer.
    Hold,
}

/// Why a signal changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The job is of a round that is over, or there is nothing to send any more.
    Stale,
    /// The job is of a round that is about to be written.
    Early,
    /// An attempt is under way.
    Busy,
    /// It is in that state already.
    Unchanged,
    /// It is over.
    Over,
}

/// The delivery after the signal, one version on. Every cell is asserted by `transition_table`.
pub fn transition(
    delivery: &Delivery,
    signal: DeliverySignal,
    now: Timestamp,
) -> Result<Delivery, Rejected> {
    let mut next = match signal {
        DeliverySignal::Begin { round, until } => begun(delivery, round, until, now)?,
        DeliverySignal::Attempted {
            round,
            attempt,
            next,
        } => attempted(delivery, round, attempt, next),
        DeliverySignal::Acknowledge => acknowledged(delivery, now)?,
        DeliverySignal::Hold => held(delivery, now)?,
        DeliverySignal::Release => released(delivery, now)?,
        DeliverySignal::Replay => replayed(delivery, now)?,
        DeliverySignal::Cancel | DeliverySignal::Drop => cancelled(delivery, now)?,
        DeliverySignal::Erase => erased(delivery, now)?,
    };
    next.version = delivery.version + 1;
    Ok(next)
}

fn begun(
    delivery: &Delivery,
    round: u32,
    until: Timestamp,
    now: Timestamp,
) -> Result<Delivery, Rejected> {
    if round > delivery.round {
        return Err(Rejected::Early);
    }
    if delivery.state != DeliveryState::Pending || round < delivery.round {
        return Err(Rejected::Stale);
    }
    idle(delivery, now)?;
    Ok(Delivery {
        attempting_until: Some(until),
        ..delivery.clone()
    })
}

/// An attempt is written down whatever happened meanwhile; it decides only where it belongs. What
/// was received is delivered, even if nobody waits for it any more.
fn attempted(delivery: &Delivery, round: u32, attempt: Attempt, next: Next) -> Delivery {
    let mut after = delivery.clone();
    after.attempts.push(attempt);
    if after.attempts.len() > ATTEMPTS_KEPT {
        after.attempts.remove(0);
        after.attempts_forgotten = after.attempts_forgotten.saturating_add(1);
    }
    let decides = delivery.state == DeliveryState::Pending && round == delivery.round;
    match next {
        Next::Delivered => settled(after, DeliveryState::Delivered),
        _ if !decides => after,
        Next::RetryAt(at) => Delivery {
            next_at: Some(at),
            ..settled(after, DeliveryState::Pending)
        },
        Next::Exhausted => settled(after, DeliveryState::Exhausted),
        Next::Hold => settled(after, DeliveryState::Held),
    }
}

fn acknowledged(delivery: &Delivery, now: Timestamp) -> Result<Delivery, Rejected> {
    match delivery.state {
        DeliveryState::Pending | DeliveryState::Held => {
            idle(delivery, now)?;
            Ok(settled(delivery.clone(), DeliveryState::Delivered))
        }
        DeliveryState::Delivered => Err(Rejected::Unchanged),
        DeliveryState::Exhausted | DeliveryState::Cancelled => Err(Rejected::Over),
    }
}

fn held(delivery: &Delivery, now: Timestamp) -> Result<Delivery, Rejected> {
    match delivery.state {
        DeliveryState::Pending => {
            idle(delivery, now)?;
            Ok(settled(delivery.clone(), DeliveryState::Held))
        }
        DeliveryState::Held => Err(Rejected::Unchanged),
        _ => Err(Rejected::Over),
    }
}

fn released(delivery: &Delivery, now: Timestamp) -> Result<Delivery, Rejected> {
    match delivery.state {
        DeliveryState::Held => Ok(restarted(delivery, now)),
        DeliveryState::Pending => Err(Rejected::Unchanged),
        _ => Err(Rejected::Over),
    }
}

fn replayed(delivery: &Delivery, now: Timestamp) -> Result<Delivery, Rejected> {
    idle(delivery, now)?;
    Ok(restarted(delivery, now))
}

fn cancelled(delivery: &Delivery, now: Timestamp) -> Result<Delivery, Rejected> {
    match delivery.state {
        DeliveryState::Pending | DeliveryState::Held => {
            idle(delivery, now)?;
            Ok(settled(delivery.clone(), DeliveryState::Cancelled))
        }
        DeliveryState::Cancelled => Err(Rejected::Unchanged),
        DeliveryState::Delivered | DeliveryState::Exhausted => Err(Rejected::Over),
    }
}

/// Its state and its jobs stay as they are.
fn erased(delivery: &Delivery, now: Timestamp) -> Result<Delivery, Rejected> {
    let attempts: Vec<Attempt> = delivery
        .attempts
        .iter()
        .map(Attempt::without_words)
        .collect();
    if attempts == delivery.attempts {
        return Err(Rejected::Unchanged);
    }
    idle(delivery, now)?;
    Ok(Delivery {
        attempts,
        ..delivery.clone()
    })
}

fn idle(delivery: &Delivery, now: Timestamp) -> Result<(), Rejected> {
    if delivery.is_attempting(now) {
        return Err(Rejected::Busy);
    }
    Ok(())
}

/// In this state, in a round of its own: jobs made before are stale.
fn settled(delivery: Delivery, state: DeliveryState) -> Delivery {
    Delivery {
        state,
        round: delivery.round.saturating_add(1),
        next_at: None,
        attempting_until: None,
        ..delivery
    }
}

/// At the beginning of its schedule, due now.
fn restarted(delivery: &Delivery, now: Timestamp) -> Delivery {
    Delivery {
        next_at: Some(now),
        attempts_before: delivery.attempts_made(),
        ..settled(delivery.clone(), DeliveryState::Pending)
    }
}
