//! Applying a change: a single write if only the task changes, a transaction with the account if
//! its hold ends.

use fluxgate_core::port::errors::{event_late, run_claimed, task_changed};
use fluxgate_core::task::{Change, Claim, Delayed, Task};
use fluxgate_core::{Error, Result};

use super::allowance::Believed;
use super::attribute::{Item, number, text};
use super::key::{EXPIRES_AT, Key};
use super::transact::{CallMark, WriteOutcome};
use super::write::Write;
use super::{DynamoStore, account, inputs, task_item};

/// The provider lists and keeps a run for seven days; after that nobody can claim it by mistake.
const RUN_KEPT_S: i64 = 9 * 86_400;

/// The writes of an account that come with a task's.
const SETTLEMENTS: usize = 1;

impl DynamoStore {
    pub(super) async fn apply_change(&self, change: &Change) -> Result<()> {
        let task = &change.task;
        let mark = CallMark::fresh();
        let inputs_apart = change.money.is_some() && inputs::put_apart(&self.table, task).await?;
        let update = || task_item::update(change, mark, inputs_apart);
        let mut writes = vec![update()?];
        let claim = change.claim.as_ref().map(|claim| claim_run(change, claim));
        let run = match (claim, &change.claim) {
            // The run is this task's whatever becomes of the change, so it can be claimed first,
            // which costs half as much.
            (Some(write), Some(Claim { proven: true, .. })) => {
                if let WriteOutcome::Refused(_) = self.table.write(&[write]).await? {
                    return Err(run_claimed());
                }
                None
            }
            (write, _) => push(&mut writes, write),
        };
        let pulled = Self::note_pulled(&change.deliveries, &mut writes)?;
        self.note_held(&change.deliveries, &mut writes, SETTLEMENTS)
            .await?;
        // First assume that the month of the task's hold is still running.
        let (mut believed, others) = (Believed::ByHold, writes.len());
        loop {
            writes.truncate(others);
            let settlement = change
                .money
                .map(|settlement| account::settle(task, settlement, &believed))
                .transpose()?;
            let settlement = push(&mut writes, settlement.flatten());
            let hold = believed.hold_at_end(task.hold, task.created_at);
            if settlement.is_some() && hold != task.hold {
                writes[0] = update()?.set_each(task_item::hold(&hold));
            }
            let WriteOutcome::Refused(refused) = self.table.write(&writes).await? else {
                break;
            };
            let refusal = |index: Option<usize>| {
                index
                    .and_then(|index| refused.get(index))
                    .and_then(Option::as_ref)
            };
            match (
                refusal(Some(0)),
                refusal(run),
                refusal(settlement),
                change.money,
            ) {
                // An earlier attempt of this call, whose response was lost.
                (Some(task), ..) if task_item::was_written_by(task, mark) => break,
                (Some(_), ..) => return Err(task_changed()),
                (_, Some(_), ..) => return Err(run_claimed()),
                _ if pulled.clone().any(|n| refusal(Some(n)).is_some()) => {
                    return Err(event_late());
                }
                (_, _, Some(account), Some(money)) => {
                    believed = account::settle_refused(account, task, money, &believed)?;
                }
                _ => {
                    return Err(Error::internal(
                        "table_refused",
                        "the table refused a change without a reason",
                    ));
                }
            }
        }
        self.send_jobs(task, &change.jobs).await;
        Ok(())
    }

    /// Jobs that are lost here are found by the watch.
    pub(super) async fn send_jobs(&self, task: &Task, jobs: &[Delayed]) {
        if jobs.is_empty() {
            return;
        }
        if let Err(error) = self.queue.send(jobs).await {
            tracing::warn!(
                task.id = %task.id, tenant.id = %task.tenant, error = error.with_causes(),
                "the jobs of a change could not be sent; the task's watch will send them"
            );
        }
    }
}

/// Its position in the transaction.
fn push(writes: &mut Vec<Write>, write: Option<Write>) -> Option<usize> {
    writes.push(write?);
    Some(writes.len() - 1)
}

fn claim_run(change: &Change, claim: &Claim) -> Write {
    let task = &change.task;
    let (tenant, id) = (text(task.tenant.as_str()), text(task.id.as_str()));
    let item = Item::from([
        ("tenant".to_owned(), tenant.clone()),
        ("task".to_owned(), id.clone()),
        (
            EXPIRES_AT.to_owned(),
            number(task.since.seconds() + RUN_KEPT_S),
        ),
    ]);
    Write::put(Key::run(&claim.run), item)
        .when("attribute_not_exists(#pk) OR (#tenant = :tenant AND #task = :task)")
        .with(":tenant", tenant)
        .with(":task", id)
}
