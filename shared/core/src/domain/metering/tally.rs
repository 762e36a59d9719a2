//! Counts what the tasks of a month held and had cost, for a budget set while they run.

use crate::domain::money::{MicroUsd, Tally};
use crate::domain::task::Task;

impl Tally {
    /// Adds a task, read at any moment since the count began. A task that started during the count
    /// is already included; one that ended during it was running when it began.
    pub fn add(&mut self, task: &Task) {
        if task.created_at < self.since || task.hold.began_in == Some(self.count) {
            return;
        }
        if task.state.is_end() && task.hold.ended_in != Some(self.count) {
            self.spent = MicroUsd(self.spent.0.saturating_add(task.charged.0));
        } else {
            self.held = MicroUsd(self.held.0.saturating_add(task.price.0));
        }
    }
}
