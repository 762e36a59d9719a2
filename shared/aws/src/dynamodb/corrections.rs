//! What operators do about money, each in one transaction with its ledger entry and its audit
//! entry. An item for each reference keeps it from being used twice; a refund's is its task's.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::day_sums::Origin;
use fluxgate_core::money::{
    Account, Adjustment, Corrected, CountId, Direction, EntryKind, LedgerEntry, MicroUsd,
};
use fluxgate_core::port::AccountStore as _;
use fluxgate_core::port::errors::{
    adjustment_used, no_such_top_up, reference_used, task_changed, top_up_voided,
};
use fluxgate_core::task::{Change, Refund, Task};
use fluxgate_core::tenant::AuditEntry;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, number, number_of, text};
use super::error::contention;
use super::key::Key;
use super::transact::{CallMark, WriteOutcome, backoff};
use super::write::Write;
use super::{DynamoStore, account, ledger, task_item, tenant_store};

/// How often a refund is written when the account's budget changes meanwhile.
const ROUNDS_MAX: u32 = 24;
/// Of a top-up that was taken back.
const VOIDED_AT: &str = "voided_at";

impl DynamoStore {
    pub(super) async fn write_top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account> {
        Account::default().top_up(amount)?;
        let line = LedgerEntry {
            kind: EntryKind::TopUp,
            reference: reference.to_owned(),
            amount,
            at: entry.at,
            reason: None,
        };
        let used = |line: &LedgerEntry| used(Key::top_up(tenant, reference), line);
        let moved = account::paid_in(tenant, amount);
        let (earlier, there) = match self
            .write_movement(&used, moved, tenant, &line, entry)
            .await?
        {
            WriteOutcome::Written => return self.account(tenant).await,
            WriteOutcome::Refused(found) => first_two(found),
        };
        let Some(earlier) = earlier else {
            let there = account::of_item(&there.unwrap_or_default())?;
            return Err(why(there.top_up(amount)));
        };
        let before = MicroUsd(Reader(&earlier).number("amount")?);
        if earlier.contains_key(VOIDED_AT) {
            return Err(top_up_voided(reference, before));
        }
        if before != amount {
            return Err(reference_used(reference, before));
        }
        self.account(tenant).await
    }

    pub(super) async fn write_adjustment(
        &self,
        tenant: &TenantId,
        adjustment: &Adjustment,
        entry: &AuditEntry,
    ) -> Result<Corrected> {
        let Adjustment {
            amount, reference, ..
        } = adjustment;
        let line = LedgerEntry {
            kind: adjustment.direction.kind(),
            reference: reference.clone(),
            amount: *amount,
            at: entry.at,
            reason: Some(adjustment.reason.clone()),
        };
        let moved = match adjustment.direction {
            Direction::Credit => account::paid_in(tenant, *amount),
            Direction::Debit => account::taken(tenant, *amount),
        };
        let key = Key::adjustment(tenant, line.kind, reference);
        let used = |line: &LedgerEntry| used(key.clone(), line);
        let (earlier, there) = match self
            .write_movement(&used, moved, tenant, &line, entry)
            .await?
        {
            WriteOutcome::Written => return self.account(tenant).await.map(Corrected::new),
            WriteOutcome::Refused(found) => first_two(found),
        };
        let Some(earlier) = earlier else {
            let there = account::of_item(&there.unwrap_or_default())?;
            return Err(why(there.adjust(adjustment)));
        };
        let before = MicroUsd(Reader(&earlier).number("amount")?);
        if before != *amount {
            return Err(adjustment_used(reference, before));
        }
        self.account(tenant).await.map(Corrected::repeated)
    }

    pub(super) async fn write_void(
        &self,
        tenant: &TenantId,
        (reference, amount): (&str, MicroUsd),
        reason: &str,
        entry: &AuditEntry,
    ) -> Result<Corrected> {
        let line = LedgerEntry {
            kind: EntryKind::Void,
            reference: reference.to_owned(),
            amount,
            at: entry.at,
            reason: Some(reason.to_owned()),
        };
        let voided = |line: &LedgerEntry| {
            Write::update(Key::top_up(tenant, reference))
                .when("#amount = :amount AND attribute_not_exists(#voided_at)")
                .with(":amount", number(amount.0))
                .set(VOIDED_AT, number(line.at.0))
        };
        let taken = account::taken(tenant, amount);
        match self
            .write_movement(&voided, taken, tenant, &line, entry)
            .await?
        {
            WriteOutcome::Written => self.account(tenant).await.map(Corrected::new),
            WriteOutcome::Refused(found) => match first_two(found) {
                (Some(top_up), _) if top_up.contains_key(VOIDED_AT) => {
                    self.account(tenant).await.map(Corrected::repeated)
                }
                (Some(_), _) => Err(no_such_top_up(reference)),
                (None, there) => {
                    let there = account::of_item(&there.unwrap_or_default())?;
                    Err(why(there.void(amount)))
                }
            },
        }
    }

    pub(super) async fn write_refund(
        &self,
        change: &Change,
        reason: &str,
        entry: &AuditEntry,
    ) -> Result<Account> {
        let task = &change.task;
        let Some(refund) = &task.refund else {
            return Err(Error::internal("transition", "the change refunds nothing"));
        };
        let line = LedgerEntry {
            kind: EntryKind::Refund,
            reference: task.id.to_string(),
            amount: refund.amount,
            at: refund.at,
            reason: Some(reason.to_owned()),
        };
        let (mark, logged) = (CallMark::fresh(), tenant_store::logged(entry)?);
        let (tenant, origin) = (&task.tenant, Origin::of(task));
        let found = self.table.get(&Key::account(tenant)).await?;
        let mut found = found.unwrap_or_default();
        for round in 0..ROUNDS_MAX {
            let before = account::of_item(&found)?;
            let (moved, counted_in) = account::refunded(&before, task, refund.amount)?;
            let (at, moved) = self.entered(moved, (tenant, &origin), &line, &found)?;
            let line = ledger::line(tenant, &LedgerEntry { at, ..line.clone() })?;
            let counted = Refund {
                counted_in,
                ..refund.clone()
            };
            let change = Change {
                task: Task {
                    refund: Some(counted),
                    ..task.clone()
                },
                ..change.clone()
            };
            let update = task_item::update(&change, mark, false)?;
            let writes = [update].into_iter().chain(moved);
            let writes: Vec<Write> = writes.chain([line, logged.clone()]).collect();
            let WriteOutcome::Refused(refused) = self.table.write(&writes).await? else {
                return self.account(&task.tenant).await;
            };
            match first_two(refused) {
                // An earlier attempt of this call, whose response was lost.
                (Some(item), _) if task_item::was_written_by(&item, mark) => {
                    return self.account(&task.tenant).await;
                }
                (Some(_), _) => return Err(task_changed()),
                (None, there) => found = there.unwrap_or_default(),
            }
            tokio::time::sleep(backoff(round)).await;
        }
        Err(contention())
    }

    /// Writes an entry with the item of its reference, its account, its day and its audit entry.
    /// Refused as the first two writes are: the reference's and the account's.
    async fn write_movement(
        &self,
        reference: &(dyn Fn(&LedgerEntry) -> Write + Send + Sync),
        moved: Write,
        tenant: &TenantId,
        line: &LedgerEntry,
        entry: &AuditEntry,
    ) -> Result<WriteOutcome> {
        let origin = Origin::default();
        let found = self.table.get(&Key::account(tenant)).await?;
        let mut found = found.unwrap_or_default();
        for round in 0..ROUNDS_MAX {
            let moved = self.entered(moved.clone(), (tenant, &origin), line, &found)?;
            let line = LedgerEntry {
                at: moved.0,
                ..line.clone()
            };
            let mut writes = vec![reference(&line)];
            writes.extend(moved.1);
            writes.extend([ledger::line(tenant, &line)?, tenant_store::logged(entry)?]);
            let WriteOutcome::Refused(refused) = self.table.write(&writes).await? else {
                return Ok(WriteOutcome::Written);
            };
            match (refused.first(), refused.get(1)) {
                // The day is another one by now, or the account has moved.
                (Some(None), Some(Some(there))) if *there != found => found = there.clone(),
                _ => return Ok(WriteOutcome::Refused(refused)),
            }
            tokio::time::sleep(backoff(round)).await;
        }
        Err(contention())
    }

    /// Refunds have no key of their own: their entries are found by time.
    pub(super) async fn read_operator_entry(
        &self,
        tenant: &TenantId,
        kind: EntryKind,
        reference: &str,
    ) -> Result<Option<LedgerEntry>> {
        let (key, at) = match kind {
            EntryKind::TopUp => (Key::top_up(tenant, reference), "at"),
            EntryKind::Void => (Key::top_up(tenant, reference), VOIDED_AT),
            kind => (Key::adjustment(tenant, kind, reference), "at"),
        };
        let item = self.table.get(&key).await?.unwrap_or_default();
        let reader = Reader(&item);
        let Some(at) = reader.optional_number(at)? else {
            return Ok(None);
        };
        Ok(Some(LedgerEntry {
            kind,
            reference: reader.text("reference")?.to_owned(),
            amount: MicroUsd(reader.number("amount")?),
            at: Timestamp(at),
            reason: None,
        }))
    }
}

/// The item that a reference is used by: it is put once.
fn used(key: Key, line: &LedgerEntry) -> Write {
    let item = Item::from([
        ("reference".to_owned(), text(&line.reference)),
        ("amount".to_owned(), number(line.amount.0)),
        ("at".to_owned(), number(line.at.0)),
        (ledger::LISTED.to_owned(), AttributeValue::Bool(true)),
    ]);
    Write::put(key, item).when("attribute_not_exists(#pk)")
}

fn first_two(found: Vec<Option<Item>>) -> (Option<Item>, Option<Item>) {
    let mut found = found.into_iter();
    (found.next().flatten(), found.next().flatten())
}

/// Why the account refused: what the same rule says of it as it was found.
fn why(refused: Result<Account>) -> Error {
    refused.err().unwrap_or_else(|| {
        let text = "the account refused a movement that it has room for; try again";
        Error::unavailable("contention", text)
    })
}

/// The attribute of a task's refund.
pub(super) const REFUND: &str = "refund";

/// As a list, whose parts need no names.
pub(super) fn of_refund(refund: &Refund) -> AttributeValue {
    let parts = [
        number(refund.amount.0),
        text(&refund.reference),
        number(refund.at.0),
    ];
    let counted_in = refund.counted_in.map(|count| number(count.0));
    AttributeValue::L(parts.into_iter().chain(counted_in).collect())
}

pub(super) fn to_refund(value: &AttributeValue) -> Option<Refund> {
    let parts = value.as_l().ok()?;
    Some(Refund {
        amount: MicroUsd(number_of(parts.first()?)?),
        reference: parts.get(1)?.as_s().ok()?.clone(),
        at: Timestamp(number_of(parts.get(2)?)?),
        counted_in: parts.get(3).and_then(number_of).map(CountId),
    })
}
