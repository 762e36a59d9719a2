//! Admission: the watch, cold inputs and the idempotency key first, then task and hold in one
//! transaction.

use std::time::Duration;

use fluxgate_core::metering::day_sums::Origin;
use fluxgate_core::money::{Hold, KeyCount};
use fluxgate_core::port::Admitted;
use fluxgate_core::task::{Admission, Delayed, Job, Task};
use fluxgate_core::{Error, Result};
use tokio::time::Instant;

use super::attribute::{Item, number};
use super::day_record::{DayEntry, Recorded, of_hold};
use super::error::contention;
use super::key::Key;
use super::transact::{WriteOutcome, backoff};
use super::write::Write;
use super::{
    DynamoStore, account, inputs, key_use, step_item, stored_text, submit_attributes, task_item,
};

/// How often an admission is retried when the cause of a refusal may be gone a moment later.
const ROUNDS_MAX: u32 = 8;
/// From this size on, writing the inputs costs at least sixteen times as much as reading the
/// account.
const LOOK_FIRST_BYTES: usize = 16 * 1024;
/// Longer than any admission takes unless there is heavy contention on the account.
const LONG: Duration = Duration::from_secs(1);

/// What is written for a task: its item, its account's, its key's month, and what lies beside.
struct Prepared {
    writes: Vec<Write>,
    /// Whether the account is among them.
    is_held: bool,
    hold: Hold,
    key_count: Option<KeyCount>,
}

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
        let hopeless = self.held(admission, known.as_ref()).is_err();
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
            let prepared = match self.prepared(admission, &item, known.as_ref()) {
                Ok(prepared) => prepared,
                Err(error) => return self.refuse(admission, round, error).await,
            };
            if round > 1 {
                tokio::time::sleep(backoff(round)).await;
            }
            let refused = match self.table.write(&prepared.writes).await? {
                WriteOutcome::Written => {
                    self.send_jobs(task, admission.wake().as_slice()).await;
                    self.watch_anew(task, sent.elapsed(), admission.watch_after_ms)
                        .await;
                    return Ok(Admitted::New(Box::new(Task {
                        hold: prepared.hold,
                        key_count: prepared.key_count,
                        ..task.clone()
                    })));
                }
                WriteOutcome::Refused(refused) => refused,
            };
            let mut refused = refused.into_iter();
            if let Some(earlier) = refused.next().flatten() {
                return self.answer_earlier(admission, &earlier).await;
            }
            if prepared.is_held
                && let Some(account) = refused.next().flatten()
            {
                known = Some(self.seen_account(&task.tenant, account)?);
            } else if prepared.key_count.is_some()
                && let Some(used) = refused.next().flatten()
            {
                let error = key_use::exhausted(admission, &used)?;
                return self.refuse(admission, round + 1, error).await;
            }
        }
        Err(contention())
    }

    /// The transaction of an admission. Fails as the account and the API key refuse it.
    fn prepared(
        &self,
        admission: &Admission,
        item: &Item,
        known: Option<&Item>,
    ) -> Result<Prepared> {
        let task = &admission.task;
        let (recorded, hold) = self.held(admission, known)?;
        let account = known.map(account::of_item).transpose()?;
        let (key_use, key_count) = key_use::hold(admission, account.as_ref())?.unzip();
        let mut item = item.clone();
        item.extend(task_item::hold(&hold));
        item.extend(key_count.iter().flat_map(submit_attributes::of_key_count));
        let put =
            Write::put(Key::task(&task.tenant, &task.id), item).when("attribute_not_exists(#pk)");
        let is_held = recorded.account.is_some();
        let writes = [put].into_iter().chain(recorded.account).chain(key_use);
        Ok(Prepared {
            writes: writes.chain(recorded.beside).collect(),
            is_held,
            hold,
            key_count,
        })
    }

    /// The account, if it must be known first: for a tenant with a budget, and for inputs that cost
    /// more to write than the account costs to read.
    async fn account_before(&self, admission: &Admission) -> Result<Option<Item>> {
        let tenant = &admission.task.tenant;
        if admission.inputs.len() < LOOK_FIRST_BYTES {
            return self.known_account(tenant).await;
        }
        let item = self.table.get(&Key::account(tenant)).await?;
        self.seen_account(tenant, item.unwrap_or_default())
            .map(Some)
    }

    /// The writes of the hold, and the hold to store with the task.
    fn held(&self, admission: &Admission, known: Option<&Item>) -> Result<(Recorded, Hold)> {
        let (task, terms) = (&admission.task, admission.hold_terms());
        let account = known.map(account::of_item).transpose()?;
        let (base, hold) = account::hold(&task.tenant, &terms, account.as_ref())?;
        let entry = DayEntry {
            tenant: &task.tenant,
            at: terms.at,
            origin: Origin::of(task),
            sums: &of_hold(terms.price),
            held_at: None,
        };
        let recorded = self.days().record(base, &entry, known)?;
        let held_at = (recorded.at != terms.at).then_some(recorded.at);
        Ok((recorded, Hold { held_at, ..hold }))
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
            item.insert(
                task_item::INPUTS.to_owned(),
                stored_text::of(&admission.inputs),
            );
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
        key_count: earlier.key_count.clone(),
        ..task.clone()
    };
    Ok(if *earlier == as_admitted {
        Admitted::New(earlier)
    } else {
        Admitted::Existing(earlier)
    })
}
