//! What the books need to know of a task.

use serde::Deserialize;

use super::{Refund, State, Task};
use crate::base::id::TaskId;
use crate::base::time::Timestamp;
use crate::domain::money::{Hold, MicroUsd};

/// A task as the books see it. It is read from a stored [`Task`], whose fields it names, at a
/// fraction of the price.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BookedTask {
    pub id: TaskId,
    pub state: State,
    pub price: MicroUsd,
    #[serde(default)]
    pub hold: Hold,
    #[serde(default)]
    pub charged: MicroUsd,
    #[serde(default)]
    pub refund: Option<Refund>,
    pub created_at: Timestamp,
}

impl BookedTask {
    pub fn of(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            state: task.state,
            price: task.price,
            hold: task.hold,
            charged: task.charged,
            refund: task.refund.clone(),
            created_at: task.created_at,
        }
    }

    /// What was given back of the charge.
    pub fn refunded(&self) -> MicroUsd {
        let refund = self.refund.as_ref();
        refund.map_or(MicroUsd::ZERO, |refund| refund.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{ModelId, TenantId};
    use crate::base::labels::Labels;
    use crate::domain::task::NewTask;

    #[test]
    fn it_is_read_from_what_a_task_is_stored_as() {
        let new = NewTask {
            tenant: TenantId::parse("acme").unwrap(),
            id: TaskId::parse(&"0a".repeat(16)).unwrap(),
            model: ModelId::parse("a/b").unwrap(),
            price: MicroUsd(10),
            cost: MicroUsd(8),
            outputs_asked: 1,
            makes: None,
            callback: None,
            metadata: Labels::default(),
        };
        let admitted = Task::admitted(new, Timestamp(5));
        let refunded = Task {
            state: State::Completed,
            charged: MicroUsd(9),
            hold: Hold {
                on_credit: true,
                period: Some(3),
                ..Hold::default()
            },
            refund: Some(Refund::new(MicroUsd(4), "r", Timestamp(7))),
            ..admitted.clone()
        };
        for task in [admitted, refunded] {
            let stored = serde_json::to_string(&task).unwrap();
            let booked: BookedTask = serde_json::from_str(&stored).unwrap();

            assert_eq!(booked, BookedTask::of(&task));
            assert_eq!(booked.refunded(), task.refunded());
        }
    }
}
