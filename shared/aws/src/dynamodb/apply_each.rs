//! Several captures of one tenant in one transaction. Each ends with a write of the tenant's
//! account, and together they need one. A group that is refused, or of which nobody knows whether
//! it was written, is written one by one: a capture that is there already is recognised by its
//! mark.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use fluxgate_core::Result;
use fluxgate_core::metering::day_sums::{Origin, Sums};
use fluxgate_core::money::{MicroUsd, Settlement};
use fluxgate_core::task::{Change, Delayed, State, Task};

use super::apply::SETTLEMENTS;
use super::day_record::{DayEntry, held_at};
use super::delivery_write::TRANSACTION_ITEMS_MAX;
use super::transact::{CallMark, WriteOutcome};
use super::write::Write;
use super::{DynamoStore, account, task_item};

/// Tasks in one transaction. A task's item has 400 KB at most, a transaction 4 MB.
const GROUP_MAX: usize = 10;

/// One change of the group, and where its outcome belongs.
struct Member<'a> {
    n: usize,
    change: &'a Change,
    settlement: Settlement,
    mark: CallMark,
}

impl DynamoStore {
    pub(super) async fn apply_together(&self, changes: &[Change]) -> Vec<Result<()>> {
        let mut outcomes: BTreeMap<usize, Result<()>> = BTreeMap::new();
        for group in groups(changes) {
            let is_written = group.len() > 1 && self.write_group(&group).await;
            for member in group {
                let outcome = match is_written {
                    true => Ok(()),
                    false => self.apply_marked(member.change, member.mark).await,
                };
                outcomes.insert(member.n, outcome);
            }
        }
        self.send_all_jobs(changes, &outcomes).await;
        for (n, change) in changes.iter().enumerate() {
            if let Entry::Vacant(single) = outcomes.entry(n) {
                single.insert(self.apply_change(change).await);
            }
        }
        outcomes.into_values().collect()
    }

    /// False if it is not known to be written.
    async fn write_group(&self, group: &[Member<'_>]) -> bool {
        let writes = match self.writes_of(group).await {
            Ok(Some(writes)) => writes,
            Ok(None) | Err(_) => return false,
        };
        matches!(self.table.write(&writes).await, Ok(WriteOutcome::Written))
    }

    /// `None` if they do not fit together.
    async fn writes_of(&self, group: &[Member<'_>]) -> Result<Option<Vec<Write>>> {
        let mut writes = Vec::new();
        for member in group {
            writes.push(task_item::update(member.change, member.mark, false)?);
        }
        let Some(account) = self.account_of(group)? else {
            return Ok(None);
        };
        writes.push(account);
        for member in group {
            let deliveries = &member.change.deliveries;
            self.note_held(deliveries, &mut writes, SETTLEMENTS).await?;
        }
        Ok((writes.len() <= TRANSACTION_ITEMS_MAX).then_some(writes))
    }

    /// The one write of the account, with what the day takes of each.
    fn account_of(&self, group: &[Member<'_>]) -> Result<Option<Write>> {
        let ends: Vec<(&Task, Settlement)> = group
            .iter()
            .map(|member| (&member.change.task, member.settlement))
            .collect();
        let sums = |settlement: Settlement, task: &Task| {
            let task = task.clone();
            move |month_from| Sums::of_end(&task, settlement, month_from)
        };
        let sums: Vec<_> = ends
            .iter()
            .map(|(task, settlement)| sums(*settlement, task))
            .collect();
        let entries: Vec<DayEntry<'_>> = ends
            .iter()
            .zip(&sums)
            .map(|((task, _), sums)| DayEntry {
                tenant: &task.tenant,
                at: task.since,
                origin: Origin::of(task),
                sums,
                held_at: Some(held_at(task)),
            })
            .collect();
        let Some(base) = account::settle_together(&ends)? else {
            return Ok(None);
        };
        Ok(self.days().unseen_together(base, &entries))
    }

    /// In as few messages as there may be: the jobs of what was written.
    async fn send_all_jobs(&self, changes: &[Change], outcomes: &BTreeMap<usize, Result<()>>) {
        let written: Vec<&Change> = outcomes
            .iter()
            .filter(|(_, outcome)| outcome.is_ok())
            .map(|(n, _)| &changes[*n])
            .collect();
        let jobs: Vec<Delayed> = written
            .iter()
            .flat_map(|change| change.jobs.iter().cloned())
            .collect();
        if let Some(change) = written.first() {
            self.send_jobs(&change.task, &jobs).await;
        }
    }
}

/// Captures that end alike, in groups; what is not as simple is in none.
fn groups(changes: &[Change]) -> Vec<Vec<Member<'_>>> {
    let mut groups: Vec<Vec<Member<'_>>> = Vec::new();
    for (n, change) in changes.iter().enumerate() {
        let Some(settlement) = plain_capture(change) else {
            continue;
        };
        let member = Member {
            n,
            change,
            settlement,
            mark: CallMark::fresh(),
        };
        let open = groups.iter_mut().find(|group| {
            group.len() < GROUP_MAX && ends_like(&group[0].change.task, &change.task)
        });
        match open {
            Some(group) => group.push(member),
            None => groups.push(vec![member]),
        }
    }
    groups
}

/// A capture whose transaction writes the task, its account and nothing that another's writes.
fn plain_capture(change: &Change) -> Option<Settlement> {
    let settlement = change.money?;
    let is_plain = change.task.state == State::Completed
        && change.task.deleted.is_none()
        && change.claim.is_none()
        && settlement.capture > MicroUsd::ZERO
        && (settlement.release == MicroUsd::ZERO || change.task.key_count.is_none())
        && change.deliveries.iter().all(|delivery| !delivery.pull);
    is_plain.then_some(settlement)
}

fn ends_like(one: &Task, other: &Task) -> bool {
    one.tenant == other.tenant && one.hold.period == other.hold.period
}
