//! Accounts: the one item that all tasks of a tenant write, and the only file that knows how.

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, LedgerEntry, MicroUsd, Settlement};
use fluxgate_core::port::AccountStore;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind, Result};

use super::DynamoStore;
use super::attribute::{Item, Reader, number, text};
use super::key::Key;
use super::transact::Outcome;
use super::write::Write;

const AVAILABLE: &str = "available";
const HELD: &str = "held";
const CAPTURED: &str = "captured";
/// All that was ever put in. Only a top-up changes it, so that it can keep the sum of the others from overflowing.
const TOTAL: &str = "total";

#[async_trait]
impl AccountStore for DynamoStore {
    async fn account(&self, tenant: &TenantId) -> Result<Account> {
        account_of(&self.table.get(&Key::account(tenant)).await?.unwrap_or_default())
    }

    async fn top_up(&self, tenant: &TenantId, amount: MicroUsd, reference: &str, now: Timestamp) -> Result<Account> {
        Account::default().top_up(amount)?;
        let entry = Item::from([
            ("reference".to_owned(), text(reference)),
            ("amount".to_owned(), number(amount.0)),
            ("at".to_owned(), number(now.0)),
        ]);
        let entry = Write::put(Key::top_up(tenant, reference), entry).when("attribute_not_exists(#pk)");
        match self.table.write(&[entry, paid_in(tenant, amount)]).await? {
            Outcome::Written => self.account(tenant).await,
            Outcome::Refused(mut found) => match (found.remove(0), found.pop().flatten()) {
                (Some(earlier), _) => self.paid_in_before(tenant, amount, reference, &earlier).await,
                (None, account) => Err(too_much(&account.unwrap_or_default(), amount)),
            },
        }
    }

    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        super::ledger::read(&self.table, tenant).await
    }
}

impl DynamoStore {
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
        let text = format!("the reference '{reference}' was used for a top-up of {before}; use a new one");
        Err(Error::new(Kind::Conflict, "reference_used", text))
    }
}

fn paid_in(tenant: &TenantId, amount: MicroUsd) -> Write {
    Write::update(Key::account(tenant))
        .when("attribute_not_exists(#total) OR #total <= :most")
        .with(":most", number(i64::MAX - amount.0))
        .add(AVAILABLE, number(amount.0))
        .add(HELD, number(0))
        .add(CAPTURED, number(0))
        .add(TOTAL, number(amount.0))
}

fn too_much(account: &Item, amount: MicroUsd) -> Error {
    match account_of(account).and_then(|account| account.top_up(amount)) {
        Err(error) => error,
        Ok(_) => Error::internal("account_total", "the account's total is not the sum of its parts"),
    }
}

/// Reserves a price. `None` when there is nothing to reserve.
///
/// Fails with kind `Internal` for a price below zero.
pub(super) fn hold(tenant: &TenantId, price: MicroUsd) -> Result<Option<Write>> {
    if price == MicroUsd::ZERO {
        return Ok(None);
    }
    if price < MicroUsd::ZERO {
        Account::default().hold(price)?;
    }
    let write = Write::update(Key::account(tenant)).when("#available >= :available");
    Ok(Some(write.decrease(AVAILABLE, number(price.0)).increase(HELD, number(price.0))))
}

/// Why a hold was refused. `None` when the account could bear it after all.
pub(super) fn hold_refused(account: &Item, price: MicroUsd) -> Option<Error> {
    account_of(account).and_then(|account| account.hold(price)).err()
}

/// Ends a hold. `None` when there was nothing to reserve.
pub(super) fn settle(tenant: &TenantId, settlement: Settlement) -> Result<Option<Write>> {
    let whole = settlement.capture.checked_add(settlement.release).unwrap_or(MicroUsd(i64::MAX));
    if whole == MicroUsd::ZERO {
        return Ok(None);
    }
    // Refuses what no account can settle: amounts below zero or too large.
    Account { held: whole, ..Account::default() }.settle(settlement)?;
    let write = Write::update(Key::account(tenant)).when("#held >= :held").decrease(HELD, number(whole.0));
    let parts = [(CAPTURED, settlement.capture), (AVAILABLE, settlement.release)];
    let moved = parts.into_iter().filter(|(_, amount)| *amount > MicroUsd::ZERO);
    Ok(Some(moved.fold(write, |write, (name, amount)| write.increase(name, number(amount.0)))))
}

/// Why a settlement was refused: a defect.
pub(super) fn settle_refused(account: &Item, settlement: Settlement) -> Error {
    match account_of(account).and_then(|account| account.settle(settlement)) {
        Err(error) => error,
        Ok(_) => Error::internal("hold_missing", "the account refused to settle a hold that it has"),
    }
}

/// All zero for an account that is not there.
fn account_of(item: &Item) -> Result<Account> {
    if item.is_empty() {
        return Ok(Account::default());
    }
    let amount = |name| Reader(item).number(name).map(MicroUsd);
    Ok(Account { available: amount(AVAILABLE)?, held: amount(HELD)?, captured: amount(CAPTURED)? })
}
