//! Admission: the watch, cold inputs and the idempotency key first, then task and hold in one
//! transaction.

use std::time::Duration;

use fluxgate_core::money::Account;
use fluxgate_core::port::Admitted;
use fluxgate_core::task::{Admission, Delayed, Job, Task};
use fluxgate_core::{Error, Result};
use tokio::time::Instant;

use super::attribute::{Item, number, text};
use super::error::contention;
use super::key::Key;
use super::transact::{WriteOutcome, backoff};
use super::write::Write;
use super::{DynamoStore, account, inputs, step_item, task_item};

/// How often an admission is retried when the cause of a refusal may be gone a moment later.
const ROUNDS_MAX: u32 = 8;
/// From this size on, writing the inputs costs at least sixteen times as much as reading the
/// account.
const LOOK_FIRST_BYTES: usize = 16 * 1024;
/// Longer than any admission takes unless there is heavy contention on the account.
const LONG: Duration = Duration::from_secs(1);

impl DynamoStore {
    pub(super) async fn admit_task(&self, admission: &Admission) -> Result<Admitted> {
        let task = &admission.task;
        // If the admission is refused, the watch finds no task and ends.
        let watch = Job::Watch {
            tenant: task.tenant.clone(),
            task: task.id.clone(),
            round: 0,
        };
        self.queue
            .send(&[Delayed {
                job: watch,
                after_ms: admission.watch_after_ms,
            }])
            .await?;
        let sent = Instant::now();
        let mut known = self.account_before(admission).await?;
        let hopeless =
            account::hold(&task.tenant, &admission.hold_terms(), known.as_ref()).is_err();
        // Nothing that costs by its size is written if the admission will be refused.
        let item = if hopeless {
            Item::new()
        } else {
            self.with_inputs(admission).await?
        };
        if let Some(idempotency) = &admission.idempotency
            && let Some(owner) = self.take_key(task, idempotency).await?
        {
            return Ok(Admitted::Existing(Box::new(owner)));
        }
        for round in 0..ROUNDS_MAX {
            let (hold, of_task) =
                match account::hold(&task.tenant, &admission.hold_terms(), known.as_ref()) {
                    Ok(held) => held,
                    Err(error) => return self.refuse(admission, round, error).await,
                };
            if round > 1 {
                tokio::time::sleep(backoff(round)).await;
            }
            let mut item = item.clone();
            item.extend(task_item::hold(&of_task));
            let put = Write::put(Key::task(&task.tenant, &task.id), item)
                .when("attribute_not_exists(#pk)");
            let writes: Vec<Write> = [put].into_iter().chain(hold).collect();
            let mut refused = match self.table.write(&writes).await? {
                WriteOutcome::Written => {
                    self.send_jobs(task, admission.wake().as_slice()).await;
                    self.watch_anew(task, sent.elapsed(), admission.watch_after_ms)
                        .await;
                    return Ok(Admitted::New(Box::new(Task {
                        hold: of_task,
                        ..task.clone()
                    })));
                }
                WriteOutcome::Refused(refused) => refused.into_iter(),
            };
            if let Some(earlier) = refused.next().flatten() {
                return self.answer_earlier(admission, &earlier).await;
            }
            if let Some(account) = refused.next().flatten() {
                known = Some(self.seen_account(&task.tenant, &account)?);
            }
        }
        Err(contention())
    }

    /// The account, if it must be known first: for a tenant with a budget, and for inputs that cost
    /// more to write than the account costs to read.
    async fn account_before(&self, admission: &Admission) -> Result<Option<Account>> {
        let tenant = &admission.task.tenant;
        if admission.inputs.len() < LOOK_FIRST_BYTES {
            return self.known_account(tenant).await;
        }
        let item = self
            .table
            .get(&Key::account(tenant))
            .await?
            .unwrap_or_default();
        self.seen_account(tenant, &item).map(Some)
    }

    /// Sends the watch again after a slow admission: the first one may have come before the task
    /// was written, and ended.
    async fn watch_anew(&self, task: &Task, took: Duration, watch_after_ms: u64) {
        if took >= Duration::from_millis(watch_after_ms).max(LONG) {
            let job = Job::Watch {
                tenant: task.tenant.clone(),
                task: task.id.clone(),
                round: 0,
            };
            self.send_jobs(
                task,
                &[Delayed {
                    job,
                    after_ms: watch_after_ms,
                }],
            )
            .await;
        }
    }

    /// The task's item, with its inputs inside or already written next to it.
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

    /// What already exists at the task's key: this call's earlier attempt, or a void because
    /// another request took the key over.
    async fn answer_earlier(&self, admission: &Admission, earlier: &Item) -> Result<Admitted> {
        let task = &admission.task;
        match &admission.idempotency {
            Some(idempotency) if task_item::is_void(earlier) => Ok(Admitted::Existing(Box::new(
                self.overtaken(task, idempotency).await?,
            ))),
            _ => ours(task, earlier),
        }
    }

    /// The account cannot cover the task. Checks whether something exists at the task's key, unless
    /// a transaction has already shown that there is nothing.
    async fn refuse(&self, admission: &Admission, round: u32, error: Error) -> Result<Admitted> {
        let task = &admission.task;
        if round == 0
            && let Some(earlier) = self.table.get(&Key::task(&task.tenant, &task.id)).await?
        {
            return self.answer_earlier(admission, &earlier).await;
        }
        if let Some(idempotency) = &admission.idempotency {
            self.release_key(task, idempotency).await;
        }
        Err(error)
    }
}

/// An id belongs to one admission: if it is taken, that was this call's earlier attempt, whose
/// response was lost. If the task has moved on since, it must not be sent again.
fn ours(task: &Task, earlier: &Item) -> Result<Admitted> {
    let earlier = Box::new(task_item::from_item(&task.tenant, earlier)?);
    let as_admitted = Task {
        hold: earlier.hold,
        ..task.clone()
    };
    Ok(if *earlier == as_admitted {
        Admitted::New(earlier)
    } else {
        Admitted::Existing(earlier)
    })
}
