//! Admission: the watch, cold inputs and the idempotency key first, then task and hold in one transaction.

use fluxgate_core::Result;
use fluxgate_core::job::{Delayed, Job};
use fluxgate_core::port::Admitted;
use fluxgate_core::task::{Admission, Task};

use super::attribute::{Item, number, text};
use super::error::contention;
use super::key::Key;
use super::transact::Outcome;
use super::write::Write;
use super::{DynamoStore, account, inputs, step_item, task_item};

/// How often an admission is tried again when what refused it is gone a moment later.
const ROUNDS_MAX: usize = 4;

impl DynamoStore {
    pub(super) async fn admit_task(&self, admission: &Admission) -> Result<Admitted> {
        let task = &admission.task;
        let hold = account::hold(&task.tenant, task.price)?;
        // Of an admission that is refused the watch finds no task, and dies.
        let watch = Job::Watch { tenant: task.tenant.clone(), task: task.id.clone(), round: 0 };
        self.queue.send(&[Delayed { job: watch, after_ms: admission.watch_after_ms }]).await?;
        let item = self.with_inputs(admission).await?;
        if let Some(idempotency) = &admission.idempotency
            && let Some(owner) = self.take_key(task, idempotency).await?
        {
            return Ok(Admitted::Existing(Box::new(owner)));
        }
        let put = Write::put(Key::task(&task.tenant, &task.id), item).when("attribute_not_exists(#pk)");
        let writes: Vec<Write> = [put].into_iter().chain(hold).collect();
        for _ in 0..ROUNDS_MAX {
            let refused = match self.table.write(&writes).await? {
                Outcome::Written => {
                    self.send_jobs(task, admission.wake().as_slice()).await;
                    return Ok(Admitted::New);
                }
                Outcome::Refused(refused) => refused,
            };
            if let Some(admitted) = self.answer_refusal(admission, &refused).await? {
                return Ok(admitted);
            }
        }
        Err(contention())
    }

    /// The task's item, its inputs within it or already written beside it.
    async fn with_inputs(&self, admission: &Admission) -> Result<Item> {
        let task = &admission.task;
        let mut item = task_item::to_item(task, step_item::to_attributes(&admission.steps)?)?;
        if task_item::holds_inputs(&Key::task(&task.tenant, &task.id), &item, &admission.inputs) {
            item.insert(task_item::INPUTS.to_owned(), text(&admission.inputs));
        } else {
            let parts = Box::pin(inputs::write(&self.table, admission)).await?;
            item.insert(task_item::INPUTS_PARTS.to_owned(), number(parts as u64));
        }
        Ok(item)
    }

    /// `None` when what refused is gone and the admission is to be tried again.
    async fn answer_refusal(&self, admission: &Admission, refused: &[Option<Item>]) -> Result<Option<Admitted>> {
        let task = &admission.task;
        let refusal = |index: usize| refused.get(index).and_then(Option::as_ref);
        match (refusal(0), &admission.idempotency) {
            (Some(earlier), Some(idempotency)) if task_item::is_void(earlier) => {
                let owner = self.overtaken(task, idempotency).await?;
                return Ok(Some(Admitted::Existing(Box::new(owner))));
            }
            (Some(earlier), _) => return ours(task, earlier).map(Some),
            (None, _) => {}
        }
        let Some(error) = refusal(1).and_then(|account| account::hold_refused(account, task.price)) else {
            return Ok(None);
        };
        if let Some(idempotency) = &admission.idempotency {
            self.release_key(task, idempotency).await;
        }
        Err(error)
    }
}

/// An id is made for one admission: who finds it taken finds its own earlier try, whose answer was lost. If the task has moved on
/// since, it must not be sent once more.
fn ours(task: &Task, earlier: &Item) -> Result<Admitted> {
    let earlier = task_item::from_item(&task.tenant, earlier)?;
    Ok(if earlier == *task { Admitted::New } else { Admitted::Existing(Box::new(earlier)) })
}
