//! What is asked of the line, as data, so that every store can ask it inside its own transaction.

use std::collections::BTreeMap;

use super::{At, Capacity, Line, Turn};
use crate::id::TenantId;
use crate::time::Timestamp;

/// One question, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRequest {
    pub now: Timestamp,
    pub capacity: Capacity,
    pub question: LineQuestion,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineQuestion {
    /// A new task goes to the end of its tenant's queue.
    Enter { tenant: TenantId, weight: u32 },
    /// A waiting task asks whether its turn has come.
    Look { tenant: TenantId, turn: Turn },
    /// A task gives back its slot, or its place. `unused`: nothing was submitted for it.
    Leave { tenant: TenantId, turn: Turn, unused: bool },
    /// The slots that tasks were found to hold, by period: what is counted beyond them before the period `until` is free.
    Recount { found: BTreeMap<u64, u32>, until: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineAnswer {
    /// It is this task's turn, and a slot is its own until it leaves.
    Taken(Turn),
    /// The task keeps this place and looks again after so long.
    Waits { turn: Turn, look_after_ms: u64 },
    /// A task left, or the slots were counted.
    Done,
}

impl Line {
    /// Answers, and tells whether the line is another than before and must be written.
    pub fn answer(&mut self, request: &LineRequest) -> (LineAnswer, bool) {
        let at = At { now: request.now, capacity: request.capacity };
        match &request.question {
            LineQuestion::Enter { tenant, weight } => {
                let turn = self.enter(tenant, *weight, at);
                (self.tell(tenant, turn, at), true)
            }
            LineQuestion::Look { tenant, turn } => {
                let (turn, changed) = self.look(tenant, *turn, at);
                (self.tell(tenant, turn, at), changed)
            }
            LineQuestion::Leave { tenant, turn, unused } => {
                self.leave(tenant, *turn, *unused, at);
                (LineAnswer::Done, true)
            }
            LineQuestion::Recount { found, until } => (LineAnswer::Done, self.recount(found, *until)),
        }
    }

    fn tell(&self, tenant: &TenantId, turn: Turn, at: At) -> LineAnswer {
        match turn.waits() {
            true => LineAnswer::Waits { turn, look_after_ms: self.look_after_ms(tenant, turn, at) },
            false => LineAnswer::Taken(turn),
        }
    }
}
