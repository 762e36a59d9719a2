//! A task waiting in the fair queue: its watch or wake checks whether its turn has come.

use super::Watcher;
use super::advance::Advanced;
use crate::app::machine::{Entry, place};
use crate::app::sender::Started;
use crate::base::error::Result;
use crate::domain::fair_queue::{FairQueueQuestion, Ticket};
use crate::domain::task::{Failure, Signal, Task};

impl Watcher {
    /// Submits a waiting task if its ticket has come.
    pub(super) async fn check_fair_queue(&self, task: Task) -> Result<Advanced> {
        if self.context.now().since_ms(task.created_at) >= self.context.bounds.fair_queue_max_ms {
            let text = "the model's account was too busy to accept the task in time; nothing was charged, submit it again";
            return self
                .machine
                .give_up(task, Failure::new(5003, "fair_queue_timeout", text))
                .await
                .map(Advanced::from);
        }
        let question = match task.ticket {
            Some(ticket) => FairQueueQuestion::Check {
                tenant: task.tenant.clone(),
                ticket,
            },
            // The task was admitted before the account had limits.
            None => {
                let weight = self
                    .context
                    .tenants()
                    .get_eventual(&task.tenant)
                    .await?
                    .limits
                    .weight();
                FairQueueQuestion::Enter {
                    tenant: task.tenant.clone(),
                    weight,
                }
            }
        };
        let Some(answer) = self.machine.ask_fair_queue(question).await? else {
            return Ok(task.into());
        };
        let Entry {
            ticket,
            check_after_ms,
        } = place(answer)?;
        if !ticket.waits() {
            return self.send_in_turn(task, ticket).await.map(Advanced::from);
        }
        let task = if task.ticket.is_none() {
            self.machine
                .signal(task, Signal::Queued(ticket))
                .await?
                .task()
        } else {
            task
        };
        Ok(Advanced {
            task,
            check_after_ms,
            deliveries: None,
        })
    }

    async fn send_in_turn(&self, task: Task, ticket: Ticket) -> Result<Task> {
        let tenant = task.tenant.clone();
        match self.sender.start(task, Signal::SlotGranted(ticket)).await {
            Ok(Started::Now(task, inputs)) => self.sender.send(*task, &inputs).await,
            // The task has moved on meanwhile.
            Ok(Started::NotNow(task)) => {
                self.machine.leave_fair_queue(&tenant, ticket, true).await;
                Ok(*task)
            }
            Err(error) => {
                self.machine.leave_fair_queue(&tenant, ticket, true).await;
                Err(error)
            }
        }
    }
}
