//! What the provider last said to tasks that it did not take: the errors of its account, from the
//! timelines of tasks that are still open.

use super::{OperatorTaskQuery, OperatorTasks};
use crate::base::error::Result;
use crate::domain::task::{State, Step, Task};

/// Tasks whose timelines are read.
const TASKS_MAX: usize = 20;
/// The steps that say what the provider answered instead of taking a task.
const TROUBLES: [&str; 2] = ["submit_deferred", "submit_ambiguous"];

/// A task, and what the provider last answered to it.
#[derive(Debug)]
pub struct TaskTrouble {
    pub task: Task,
    pub step: Step,
}

impl OperatorTasks {
    /// Newest first: of some tasks that wait to be sent again, or are in doubt.
    pub async fn provider_troubles(&self) -> Result<Vec<TaskTrouble>> {
        let query = OperatorTaskQuery {
            states: vec![State::Admitted, State::Unknown],
            limit: self.context.bounds.page_tasks_max,
            ..OperatorTaskQuery::default()
        };
        let mut tasks = self.find(&query).await?.tasks;
        tasks.retain(|task| task.submits > 0);
        tasks.sort_by_key(|task| std::cmp::Reverse(task.since));
        let mut troubles = Vec::new();
        for task in tasks.into_iter().take(TASKS_MAX) {
            let steps = self.context.tasks().timeline(&task.tenant, &task.id);
            let is_trouble = |step: &Step| TROUBLES.contains(&step.name.as_str());
            let last = steps.await?.into_iter().rfind(is_trouble);
            troubles.extend(last.map(|step| TaskTrouble { task, step }));
        }
        troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.step.at));
        Ok(troubles)
    }
}
