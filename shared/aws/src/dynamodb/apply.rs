//! Applying a change: a single write if only the task changes, a transaction with the account if
//! its hold ends.

use fluxgate_core::metering::day_sums::{Origin, Sums};
use fluxgate_core::money::{Hold, Settlement};
use fluxgate_core::port::errors::{event_late, run_claimed, task_changed};
use fluxgate_core::task::{Change, Claim, Delayed, Task};
use fluxgate_core::{Error, Result};

use super::allowance::Believed;
use super::attribute::{Item, number, text};
use super::day_record::{BESIDE_WRITES_MAX, DayEntry, Recorded, held_at};
use super::key::{EXPIRES_AT, Key};
use super::transact::{CallMark, WriteOutcome};
use super::write::Write;
use super::{DynamoStore, account, inputs, key_use, task_item};

/// The provider lists and keeps a run for seven days; after that nobody can claim it by mistake.
const RUN_KEPT_S: i64 = 9 * 86_400;

/// The writes of an account, of its days and of a key's month that come with a task's.
pub(super) const SETTLEMENTS: usize = 2 + BESIDE_WRITES_MAX;

impl DynamoStore {
    pub(super) async fn apply_change(&self, change: &Change) -> Result<()> {
        self.apply_marked(change, CallMark::fresh()).await?;
        self.send_jobs(&change.task, &change.jobs).await;
        Ok(())
    }

    /// Writes the change, without its jobs. One that an earlier call with the same mark has written
    /// is recognised.
    pub(super) async fn apply_marked(&self, change: &Change, mark: CallMark) -> Result<()> {
        let task = &change.task;
        let inputs_apart = change.money.is_some() && inputs::put_apart(&self.table, task).await?;
        let update = || task_item::update(change, mark, inputs_apart);
        let mut writes = vec![update()?];
        let run = push(&mut writes, self.claim(change).await?);
        let pulled = Self::note_pulled(&change.deliveries, &mut writes)?;
        self.note_held(&change.deliveries, &mut writes, SETTLEMENTS)
            .await?;
        let released = change.money.and_then(|money| key_use::release(task, money));
        writes.extend(released);
        // First assume that the month of the task's hold is still running, and the account's day.
        let (mut believed, mut seen, others) = (Believed::ByHold, None, writes.len());
        loop {
            writes.truncate(others);
            let settled = change
                .money
                .map(|settlement| self.settled(task, settlement, &believed, seen.as_ref()))
                .transpose()?;
            let mut settlement = None;
            if let Some((recorded, hold)) = settled {
                settlement = push(&mut writes, recorded.account);
                writes.extend(recorded.beside);
                if hold != task.hold {
                    writes[0] = update()?.set_each(task_item::hold(&hold));
                }
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
                    let before = seen.as_ref();
                    believed = account::settle_refused(account, task, money, &believed, before)?;
                    seen = Some(account.clone());
                }
                _ => {
                    return Err(Error::internal(
                        "table_refused",
                        "the table refused a change without a reason",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Claims the run that the change names; the write that is to do it with the others, if it was
    /// not done at once.
    async fn claim(&self, change: &Change) -> Result<Option<Write>> {
        let Some(claim) = &change.claim else {
            return Ok(None);
        };
        let write = claim_run(change, claim);
        if !claim.proven {
            return Ok(Some(write));
        }
        // The run is this task's whatever becomes of the change, so it can be claimed first, which
        // costs half as much.
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => Ok(None),
            WriteOutcome::Refused(_) => Err(run_claimed()),
        }
    }

    /// The writes of a task's end in its account, and the hold to store with the task.
    fn settled(
        &self,
        task: &Task,
        settlement: Settlement,
        believed: &Believed,
        seen: Option<&Item>,
    ) -> Result<(Recorded, Hold)> {
        let base = account::settle(task, settlement, believed)?;
        let entry = DayEntry {
            tenant: &task.tenant,
            at: task.since,
            origin: Origin::of(task),
            sums: &|month_from| Sums::of_end(task, settlement, month_from),
            held_at: Some(held_at(task)),
        };
        let recorded = self.days().record(base, &entry, seen)?;
        let hold = believed.hold_at_end(task.hold, task.created_at);
        let settled_at = (recorded.at != task.since).then_some(recorded.at);
        Ok((recorded, Hold { settled_at, ..hold }))
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
