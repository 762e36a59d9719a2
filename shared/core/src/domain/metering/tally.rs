//! What the tasks of a month had held and cost, for a budget that is set while they run.

use crate::domain::money::{MicroUsd, Tally};
use crate::domain::task::Task;

impl Tally {
    /// Adds a task as it stands at any moment since the count began. One that began in it is in the
    /// count already; one that ended in it ran when it began.
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
