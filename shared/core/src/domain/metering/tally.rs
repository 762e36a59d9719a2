//! Counts what the tasks of a month held and had cost, for a budget set while they run.

use crate::domain::money::{MicroUsd, Tally};
use crate::domain::task::{Refund, Task};

impl Tally {
    /// Adds a task, read at any moment since the count began. A task that started during the count
    /// is already included; one that ended during it was running when it began; a refund during it
    /// is included, and an earlier one lowers what the task had cost.
    pub fn add(&mut self, task: &Task) {
        if task.created_at < self.since || task.hold.began_in == Some(self.count) {
            return;
        }
        if task.state.is_end() && task.hold.ended_in != Some(self.count) {
            let is_included = |refund: &&Refund| refund.counted_in == Some(self.count);
            let cost = match task.refund.as_ref().filter(is_included) {
                Some(_) => task.charged,
                None => task.paid(),
            };
            self.spent = MicroUsd(self.spent.0.saturating_add(cost.0));
        } else {
            self.held = MicroUsd(self.held.0.saturating_add(task.price.0));
        }
    }
}
