//! Accounts: the one item that all tasks of a tenant write. Only this file knows how.

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::Tally;
use fluxgate_core::money::{
    Account, Budget, CountId, Hold, HoldTerms, LedgerEntry, MicroUsd, Setting, Settlement,
};
use fluxgate_core::port::AccountStore;
use fluxgate_core::port::errors::reference_used;
use fluxgate_core::task::Task;
use fluxgate_core::tenant::AuditEntry;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result, app};

use super::allowance::Believed;
use super::attribute::{Item, Reader, number, text};
use super::error::contention;
use super::key::Key;
use super::transact::{WriteOutcome, backoff};
use super::write::Write;
use super::{DynamoStore, allowance, tenant_store};

const AVAILABLE: &str = "available";
const HELD: &str = "held";
const CAPTURED: &str = "captured";
/// Everything ever paid in. Only a top-up changes it, so its bound keeps the sum of the others from
/// overflowing.
const TOTAL: &str = "total";
const CREDIT: &str = "credit";
const IN_FLIGHT: &str = "in_flight";

/// How often setting a budget is retried after concurrent changes.
const ROUNDS_MAX: u32 = 24;

#[async_trait]
impl AccountStore for DynamoStore {
    async fn account(&self, tenant: &TenantId) -> Result<Account> {
        account_of(
            &self
                .table
                .get(&Key::account(tenant))
                .await?
                .unwrap_or_default(),
        )
    }

    async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account> {
        Account::default().top_up(amount)?;
        let line = Item::from([
            ("reference".to_owned(), text(reference)),
            ("amount".to_owned(), number(amount.0)),
            ("at".to_owned(), number(entry.at.0)),
        ]);
        let line =
            Write::put(Key::top_up(tenant, reference), line).when("attribute_not_exists(#pk)");
        match self
            .table
            .write(&[line, paid_in(tenant, amount), tenant_store::logged(entry)?])
            .await?
        {
            WriteOutcome::Written => self.account(tenant).await,
            WriteOutcome::Refused(found) => {
                let mut found = found.into_iter();
                match (found.next().flatten(), found.next().flatten()) {
                    (Some(earlier), _) => {
                        self.paid_in_before(tenant, amount, reference, &earlier)
                            .await
                    }
                    (None, account) => Err(too_much(&account.unwrap_or_default(), amount)),
                }
            }
        }
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
        self.bring_into_force(tenant, |n| CountId::of(&entry.id, n), wish, Some(logged))
            .await
    }

    async fn recount_budget(&self, tenant: &TenantId, now: Timestamp, id: CountId) -> Result<()> {
        let wish = |account: Account, tally: Option<&Tally>| account.recount_budget(now, tally);
        if let Setting::Ready(_) = wish(self.account(tenant).await?, None)? {
            return Ok(());
        }
        self.bring_into_force(tenant, |n| CountId(id.0 + u64::from(n)), wish, None)
            .await
            .map(drop)
    }

    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        super::ledger::read(&self.table, tenant).await
    }
}

impl DynamoStore {
    /// Puts a budget into force, after counting the month's tasks if necessary.
    async fn bring_into_force(
        &self,
        tenant: &TenantId,
        id: impl Fn(u32) -> CountId + Send + Sync,
        wish: impl Fn(Account, Option<&Tally>) -> Result<Setting> + Send + Sync,
        logged: Option<Write>,
    ) -> Result<Account> {
        let (mut before, mut tally) = (self.account(tenant).await?, None);
        for round in 0..ROUNDS_MAX {
            let (after, is_counting) = match wish(before.clone(), tally.as_ref()) {
                Ok(Setting::Ready(account)) => (account, false),
                Ok(Setting::Count(plan)) => (before.clone().begin_count(id(round), &plan), true),
                Err(error) => return self.give_up_count(tenant, tally, error).await,
            };
            let mut writes = vec![allowance::replace(
                there(tenant),
                before.allowance.as_ref(),
                after.allowance.as_ref(),
            )?];
            writes.extend(logged.clone().filter(|_| !is_counting));
            match self.table.write(&writes).await? {
                WriteOutcome::Written if !is_counting => return self.account(tenant).await,
                WriteOutcome::Written => {
                    let Some(count) = after.count() else { continue };
                    tally = match app::tally(self, tenant, &count).await {
                        Ok(counted) => Some(counted),
                        Err(error) => {
                            return self
                                .give_up_count(tenant, Some(Tally::of(&count)), error)
                                .await;
                        }
                    };
                    before = self.account(tenant).await?;
                }
                WriteOutcome::Refused(found) => {
                    before = account_of(&found.into_iter().flatten().next().unwrap_or_default())?;
                    tokio::time::sleep(backoff(round)).await;
                }
            }
        }
        self.give_up_count(tenant, tally, contention()).await
    }

    /// Removes the count of a budget that cannot be set. One that stays behind in spite of this is
    /// harmless.
    async fn give_up_count(
        &self,
        tenant: &TenantId,
        tally: Option<Tally>,
        error: Error,
    ) -> Result<Account> {
        let Some(Tally { count, .. }) = tally else {
            return Err(error);
        };
        for round in 0..ROUNDS_MAX {
            let before = self.account(tenant).await?;
            let after = before.clone().drop_count(count);
            let write = allowance::replace(
                there(tenant),
                before.allowance.as_ref(),
                after.allowance.as_ref(),
            )?;
            if after == before || matches!(self.table.write(&[write]).await?, WriteOutcome::Written)
            {
                break;
            }
            tokio::time::sleep(backoff(round)).await;
        }
        Err(error)
    }

    /// The account of a tenant that is believed to have a budget: its hold depends on what the
    /// month has left. For all others the hold's own condition is enough.
    pub(super) async fn known_account(&self, tenant: &TenantId) -> Result<Option<Account>> {
        if !self.budgeted.has(tenant) {
            return Ok(None);
        }
        let item = self
            .table
            .get(&Key::account(tenant))
            .await?
            .unwrap_or_default();
        self.seen_account(tenant, &item).map(Some)
    }

    pub(super) fn seen_account(&self, tenant: &TenantId, item: &Item) -> Result<Account> {
        let account = account_of(item)?;
        let budget = account
            .allowance
            .as_ref()
            .filter(|budget| budget.budget.is_some() || budget.count.is_some());
        self.budgeted.remember(tenant, budget.is_some());
        Ok(account)
    }

    async fn paid_in_before(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        earlier: &Item,
    ) -> Result<Account> {
        let before = MicroUsd(Reader(earlier).number("amount")?);
        if before == amount {
            return self.account(tenant).await;
        }
        Err(reference_used(reference, before))
    }
}

/// Creates the account if it does not exist, and changes nothing in an existing one.
fn there(tenant: &TenantId) -> Write {
    let amounts = [AVAILABLE, HELD, CAPTURED, TOTAL];
    amounts
        .into_iter()
        .fold(Write::update(Key::account(tenant)), |write, name| {
            write.add(name, number(0))
        })
}

fn paid_in(tenant: &TenantId, amount: MicroUsd) -> Write {
    Write::update(Key::account(tenant))
        .when("attribute_not_exists(#total) OR #total <= :most")
        .with(":most", number(Account::PAID_IN_MAX.0 - amount.0))
        .add(AVAILABLE, number(amount.0))
        .add(HELD, number(0))
        .add(CAPTURED, number(0))
        .add(TOTAL, number(amount.0))
}

fn too_much(account: &Item, amount: MicroUsd) -> Error {
    match account_of(account).and_then(|account| account.top_up(amount)) {
        Err(error) => error,
        Ok(_) => Error::internal(
            "account_total",
            "the account's total is not the sum of its parts",
        ),
    }
}

/// Holds the task's price: returns the write, unless the account keeps nothing for the task, and
/// the hold to store with the task.
///
/// An unknown account is assumed to have the money and no budget; the write's condition checks
/// that. For a known account this fails as [`Account::hold`] does.
pub(super) fn hold(
    tenant: &TenantId,
    terms: &HoldTerms,
    known: Option<&Account>,
) -> Result<(Option<Write>, Hold)> {
    let supposed = Account {
        available: terms.price.max(MicroUsd::ZERO),
        ..Account::default()
    };
    let before = known.cloned().unwrap_or(supposed);
    let (after, hold) = before.clone().hold(terms)?;
    if !hold.counted {
        return Ok((None, hold));
    }
    let mut write = Write::update(Key::account(tenant)).add(IN_FLIGHT, number(1));
    if let Some(most) = terms.tasks_in_flight_max {
        let room = "(attribute_not_exists(#in_flight) OR #in_flight < :most)";
        write = write.and(room).with(":most", number(most));
    }
    if terms.price == MicroUsd::ZERO {
        return Ok((Some(write), hold));
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
    Ok((Some(write.increase(HELD, price)), hold))
}

/// Ends a task's hold. `None` if the account kept nothing for it.
pub(super) fn settle(
    task: &Task,
    settlement: Settlement,
    believed: &Believed,
) -> Result<Option<Write>> {
    let (hold, submitted_at) = (&task.hold, task.created_at);
    let whole = settlement
        .capture
        .checked_add(settlement.release)
        .unwrap_or(MicroUsd(i64::MAX));
    if whole == MicroUsd::ZERO && !hold.counted {
        return Ok(None);
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
        return Ok(Some(write));
    }
    write = allowance::settle(write, believed, hold, submitted_at, settlement);
    write = write.and("#held >= :held").decrease(HELD, number(whole.0));
    if settlement.capture > MicroUsd::ZERO {
        write = write.increase(CAPTURED, number(settlement.capture.0));
    }
    let release = number(settlement.release.0);
    Ok(Some(
        match (settlement.release > MicroUsd::ZERO, hold.on_credit) {
            (false, _) => write,
            (true, true) => write.decrease(CREDIT, release),
            (true, false) => write.increase(AVAILABLE, release),
        },
    ))
}

/// How to settle after a refusal: with the budget as it was found. If the budget does not explain
/// the refusal, that is a bug, and this fails.
pub(super) fn settle_refused(
    account: &Item,
    task: &Task,
    settlement: Settlement,
    believed: &Believed,
) -> Result<Believed> {
    let account = account_of(account)?;
    let found = account.allowance.clone();
    account.settle(settlement, &task.hold, task.created_at)?;
    if believed.differs(found.as_ref()) {
        return Ok(Believed::Seen(found));
    }
    Err(Error::internal(
        "hold_missing",
        "the account refused to settle a hold that it has",
    ))
}

/// All zero for an account that does not exist. An account that never had money may only count
/// tasks.
fn account_of(item: &Item) -> Result<Account> {
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
