//! What one task costs its tenant, as a line on a bill.

use crate::base::id::{ModelId, TaskId};
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::domain::task::{State, Task};

/// One line. A task that ended without success costs nothing and has no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub task: TaskId,
    pub model: ModelId,
    pub state: State,
    /// The captured amount, or the held amount while the task runs.
    pub amount: MicroUsd,
    /// What of it was given back.
    pub refunded: MicroUsd,
    pub created_at: Timestamp,
    /// When the task entered its state.
    pub updated_at: Timestamp,
}

impl Charge {
    pub fn of(task: &Task) -> Option<Self> {
        let amount = match task.state {
            State::Completed => task.charged,
            state if state.is_end() => return None,
            _ => task.price,
        };
        Some(Self {
            task: task.id.clone(),
            model: task.model.clone(),
            state: task.state,
            amount,
            refunded: task.refunded(),
            created_at: task.created_at,
            updated_at: task.since,
        })
    }
}
