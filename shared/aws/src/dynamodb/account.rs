//! Accounts: the one item that all tasks of a tenant write. Only this file knows how.

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::day_sums::Origin;
use fluxgate_core::money::Tally;
use fluxgate_core::money::{
    Account, Adjustment, Budget, Corrected, CountId, EntryKind, Hold, HoldTerms, LedgerEntry,
    LedgerQuery, MicroUsd, Setting, Settlement,
};
use fluxgate_core::port::{AccountStore, BooksReader};
use fluxgate_core::task::{Change, Task};
use fluxgate_core::tenant::AuditEntry;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

use super::allowance::Believed;
use super::attribute::{Item, Reader, number};
use super::books::DynamoBooks;
use super::day_record::{DayEntry, of_entry};
use super::key::Key;
use super::write::Write;
use super::{DynamoStore, allowance, tenant_store};

pub(super) const AVAILABLE: &str = "available";
pub(super) const HELD: &str = "held";
pub(super) const CAPTURED: &str = "captured";
/// Everything paid in, without what was taken off again. Only operators change it, so its bound
/// keeps the sum of the others from overflowing.
pub(super) const TOTAL: &str = "total";
const CREDIT: &str = "credit";
const IN_FLIGHT: &str = "in_flight";

#[async_trait]
impl AccountStore for DynamoStore {
    async fn account(&self, tenant: &TenantId) -> Result<Account> {
        of_item(
            &self
                .table
                .get(&Key::account(tenant))
                .await?
                .unwrap_or_default(),
        )
    }

    async fn accounts_of(&self, tenants: &[TenantId]) -> Result<Vec<Account>> {
        self.accounts_eventual(tenants).await
    }

    async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account> {
        self.write_top_up(tenant, amount, reference, entry).await
    }

    async fn set_budget(
        &self,
        tenant: &TenantId,
        budget: Option<Budget>,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Account> {
        let wish = |account: Account, tally: Option<&Tally>| {
            account.set_budget(budget.clone(), now, tally)
        };
        let logged = tenant_store::logged(entry)?;
        let ids = |n| CountId::of(&entry.id, n);
        self.bring_into_force(tenant, ids, wish, (now, Some(logged)))
            .await
    }

    async fn recount_budget(&self, tenant: &TenantId, now: Timestamp, id: CountId) -> Result<()> {
        let wish = |account: Account, tally: Option<&Tally>| account.recount_budget(now, tally);
        if let Setting::Ready(_) = wish(self.account(tenant).await?, None)? {
            return Ok(());
        }
        let ids = |n| CountId(id.0 + u64::from(n));
        self.bring_into_force(tenant, ids, wish, (now, None))
            .await
            .map(drop)
    }

    async fn adjust(
        &self,
        tenant: &TenantId,
        adjustment: &Adjustment,
        entry: &AuditEntry,
    ) -> Result<Corrected> {
        self.write_adjustment(tenant, adjustment, entry).await
    }

    async fn void_top_up(
        &self,
        tenant: &TenantId,
        top_up: (&str, MicroUsd),
        reason: &str,
        entry: &AuditEntry,
    ) -> Result<Corrected> {
        self.write_void(tenant, top_up, reason, entry).await
    }

    async fn refund(&self, change: &Change, reason: &str, entry: &AuditEntry) -> Result<Account> {
        self.write_refund(change, reason, entry).await
    }

    async fn operator_entry(
        &self,
        tenant: &TenantId,
        kind: EntryKind,
        reference: &str,
    ) -> Result<Option<LedgerEntry>> {
        self.read_operator_entry(tenant, kind, reference).await
    }

    async fn books(&self, tenant: &TenantId) -> Result<Box<dyn BooksReader>> {
        Ok(Box::new(DynamoBooks::new(self.clone(), tenant.clone())))
    }

    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        self.whole_ledger(tenant).await
    }

    async fn ledger_page(
        &self,
        tenant: &TenantId,
        query: &LedgerQuery,
    ) -> Result<Vec<LedgerEntry>> {
        self.page_of_ledger(tenant, query).await
    }
}

impl DynamoStore {
    /// The account's item of a tenant that is believed to have a budget: its hold depends on what
    /// the month has left. For all others the hold's own condition is enough.
    pub(super) async fn known_account(&self, tenant: &TenantId) -> Result<Option<Item>> {
        if !self.budgeted.has(tenant) {
            return Ok(None);
        }
        let item = self.table.get(&Key::account(tenant)).await?;
        self.seen_account(tenant, item.unwrap_or_default())
            .map(Some)
    }

    pub(super) fn seen_account(&self, tenant: &TenantId, item: Item) -> Result<Item> {
        let allowance = of_item(&item)?.allowance;
        let budget = allowance.filter(|budget| budget.budget.is_some() || budget.count.is_some());
        self.budgeted.remember(tenant, budget.is_some());
        Ok(item)
    }

    /// The time of an operator's entry, and the writes that bring it into the account, whose item
    /// was found so, and into its day. The account's is the first.
    pub(super) fn entered(
        &self,
        base: Write,
        (tenant, origin): (&TenantId, &Origin),
        entry: &LedgerEntry,
        found: &Item,
    ) -> Result<(Timestamp, Vec<Write>)> {
        let day_entry = DayEntry {
            tenant,
            at: entry.at,
            origin: origin.clone(),
            sums: &of_entry(entry),
            held_at: None,
        };
        let recorded = self.days().record(base, &day_entry, Some(found))?;
        let account = recorded.account.into_iter();
        Ok((recorded.at, account.chain(recorded.beside).collect()))
    }
}

pub(super) fn paid_in(tenant: &TenantId, amount: MicroUsd) -> Write {
    Write::update(Key::account(tenant))
        .when("(attribute_not_exists(#total) OR #total <= :most)")
        .with(":most", number(Account::PAID_IN_MAX.0 - amount.0))
        .add(AVAILABLE, number(amount.0))
        .add(HELD, number(0))
        .add(CAPTURED, number(0))
        .add(TOTAL, number(amount.0))
}

/// Takes what is available, and no more.
pub(super) fn taken(tenant: &TenantId, amount: MicroUsd) -> Write {
    let amount = number(amount.0);
    Write::update(Key::account(tenant))
        .when("#available >= :available")
        .decrease(AVAILABLE, amount.clone())
        .decrease(TOTAL, amount)
}

/// Gives back a part of what the task was charged, if the budget is still as it was read. Returns
/// the count that the refund is included in.
pub(super) fn refunded(
    before: &Account,
    task: &Task,
    amount: MicroUsd,
) -> Result<(Write, Option<CountId>)> {
    let (_, counted_in) = before.clone().refund(amount, &task.hold, task.created_at)?;
    let believed = Believed::Seen(before.allowance.clone());
    let write = Write::update(Key::account(&task.tenant)).when("#captured >= :captured");
    let write = allowance::refund(write, &believed, task, amount);
    let amount = number(amount.0);
    let write = write.decrease(CAPTURED, amount.clone());
    let write = if task.hold.on_credit {
        write.decrease(CREDIT, amount)
    } else {
        write.increase(AVAILABLE, amount)
    };
    Ok((write, counted_in))
}

/// Only while the account has what it was seen to have.
pub(super) fn unmoved(write: Write, seen: &Item) -> Write {
    let parts = [AVAILABLE, HELD, CREDIT];
    parts
        .into_iter()
        .fold(write, |write, name| match seen.get(name) {
            None => write.and(&format!("attribute_not_exists(#{name})")),
            Some(value) => write
                .and(&format!("#{name} = :{name}_was"))
                .with(&format!(":{name}_was"), value.clone()),
        })
}

/// Holds the task's price: returns the write, which is of nothing if the account keeps nothing for
/// the task, and the hold to store with the task.
///
/// An unknown account is assumed to have the money and no budget; the write's condition checks
/// that. For a known account this fails as [`Account::hold`] does.
pub(super) fn hold(
    tenant: &TenantId,
    terms: &HoldTerms,
    known: Option<&Account>,
) -> Result<(Write, Hold)> {
    let supposed = Account {
        available: terms.price.max(MicroUsd::ZERO),
        ..Account::default()
    };
    let before = known.cloned().unwrap_or(supposed);
    let (after, hold) = before.clone().hold(terms)?;
    if !hold.counted {
        return Ok((Write::update(Key::account(tenant)), hold));
    }
    let mut write = Write::update(Key::account(tenant)).add(IN_FLIGHT, number(1));
    if let Some(most) = terms.tasks_in_flight_max {
        let room = "(attribute_not_exists(#in_flight) OR #in_flight < :most)";
        write = write.and(room).with(":most", number(most));
    }
    if terms.price == MicroUsd::ZERO {
        return Ok((write, hold));
    }
    write = match (&before.allowance, &after.allowance) {
        (Some(before), Some(after)) => allowance::hold(write, before, after, terms.price)?,
        _ => write.and(allowance::NO_BUDGET).and(allowance::NO_COUNT),
    };
    let price = number(terms.price.0);
    write = if hold.on_credit {
        write.add(CREDIT, price.clone())
    } else {
        write
            .and("#available >= :available")
            .decrease(AVAILABLE, price.clone())
    };
    Ok((write.increase(HELD, price), hold))
}

/// Ends a task's hold: a write of nothing if the account kept nothing for it.
pub(super) fn settle(task: &Task, settlement: Settlement, believed: &Believed) -> Result<Write> {
    let (hold, submitted_at) = (&task.hold, task.created_at);
    let whole = settlement
        .capture
        .checked_add(settlement.release)
        .unwrap_or(MicroUsd(i64::MAX));
    if whole == MicroUsd::ZERO && !hold.counted {
        return Ok(Write::update(Key::account(&task.tenant)));
    }
    // Refuses amounts that no account can settle: below zero or too large.
    let supposed = Account {
        held: whole,
        credit: whole,
        in_flight: 1,
        ..Account::default()
    };
    supposed.settle(settlement, hold, submitted_at)?;
    let mut write = Write::update(Key::account(&task.tenant));
    if hold.counted {
        write = write
            .and("#in_flight >= :in_flight")
            .decrease(IN_FLIGHT, number(1));
    }
    if whole == MicroUsd::ZERO {
        return Ok(write);
    }
    write = allowance::settle(write, believed, hold, submitted_at, settlement);
    write = write.and("#held >= :held").decrease(HELD, number(whole.0));
    if settlement.capture > MicroUsd::ZERO {
        write = write.increase(CAPTURED, number(settlement.capture.0));
    }
    let release = number(settlement.release.0);
    Ok(
        match (settlement.release > MicroUsd::ZERO, hold.on_credit) {
            (false, _) => write,
            (true, true) => write.decrease(CREDIT, release),
            (true, false) => write.increase(AVAILABLE, release),
        },
    )
}

/// Ends the holds of several captures by one write: of an account that is believed to be in the
/// period that all of them were held in. `None` if their amounts do not add up.
pub(super) fn settle_together(ends: &[(&Task, Settlement)]) -> Result<Option<Write>> {
    let Some((first, _)) = ends.first() else {
        return Ok(None);
    };
    let (mut all, mut lent, mut counted) = (Settlement::capture(MicroUsd::ZERO), MicroUsd::ZERO, 0);
    for (task, settlement) in ends {
        // Refuses what the account could not settle.
        settle(task, *settlement, &Believed::ByHold)?;
        let capture = all.capture.checked_add(settlement.capture);
        let release = all.release.checked_add(settlement.release);
        let (Some(capture), Some(release)) = (capture, release) else {
            return Ok(None);
        };
        all = Settlement { capture, release };
        if task.hold.on_credit {
            lent.0 += settlement.release.0;
        }
        counted += u64::from(task.hold.counted);
    }
    let Some(whole) = all.capture.checked_add(all.release) else {
        return Ok(None);
    };
    let mut write = Write::update(Key::account(&first.tenant));
    if counted > 0 {
        write = write
            .and("#in_flight >= :in_flight")
            .decrease(IN_FLIGHT, number(counted));
    }
    write = allowance::settle(write, &Believed::ByHold, &first.hold, first.created_at, all);
    write = write.and("#held >= :held").decrease(HELD, number(whole.0));
    write = write.increase(CAPTURED, number(all.capture.0));
    if lent > MicroUsd::ZERO {
        write = write.decrease(CREDIT, number(lent.0));
    }
    if all.release > lent {
        write = write.increase(AVAILABLE, number(all.release.0 - lent.0));
    }
    Ok(Some(write))
}

/// How to settle after a refusal: with budget and day as they were found. If neither explains the
/// refusal, that is a bug, and this fails.
pub(super) fn settle_refused(
    found: &Item,
    task: &Task,
    settlement: Settlement,
    believed: &Believed,
    seen: Option<&Item>,
) -> Result<Believed> {
    let moved = seen != Some(found);
    let account = of_item(found)?;
    let found = account.allowance.clone();
    account.settle(settlement, &task.hold, task.created_at)?;
    if moved || believed.differs(found.as_ref()) {
        return Ok(Believed::Seen(found));
    }
    Err(Error::internal(
        "hold_missing",
        "the account refused to settle a hold that it has",
    ))
}

/// All zero for an account that does not exist. An account that never had money may only count
/// tasks.
pub(super) fn of_item(item: &Item) -> Result<Account> {
    let reader = Reader(item);
    let amount = |name| Ok::<_, Error>(MicroUsd(reader.optional_number(name)?.unwrap_or(0)));
    Ok(Account {
        available: amount(AVAILABLE)?,
        held: amount(HELD)?,
        captured: amount(CAPTURED)?,
        credit: amount(CREDIT)?,
        in_flight: reader.optional_number(IN_FLIGHT)?.unwrap_or(0),
        allowance: allowance::from_item(item)?,
    })
}
