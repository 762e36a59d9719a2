//! Puts a monthly budget into the account's item, over the account as it was read.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, CountId, Setting, Tally};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result, app};

use super::account::{AVAILABLE, CAPTURED, HELD, TOTAL, of_item};
use super::attribute::number;
use super::day_record::change_zone;
use super::error::contention;
use super::key::Key;
use super::transact::{WriteOutcome, backoff};
use super::write::Write;
use super::{DynamoStore, allowance};

use fluxgate_core::port::AccountStore as _;

/// How often it is retried after concurrent changes.
const ROUNDS_MAX: u32 = 24;

impl DynamoStore {
    /// Puts a budget into force, after counting the month's tasks if necessary.
    pub(super) async fn bring_into_force(
        &self,
        tenant: &TenantId,
        id: impl Fn(u32) -> CountId + Send + Sync,
        wish: impl Fn(Account, Option<&Tally>) -> Result<Setting> + Send + Sync,
        (now, logged): (Timestamp, Option<Write>),
    ) -> Result<Account> {
        let account = Key::account(tenant);
        let mut seen = self.table.get(&account).await?.unwrap_or_default();
        let mut tally = None;
        for round in 0..ROUNDS_MAX {
            let before = of_item(&seen)?;
            let (after, is_counting) = match wish(before.clone(), tally.as_ref()) {
                Ok(Setting::Ready(account)) => (account, false),
                Ok(Setting::Count(plan)) => (before.clone().begin_count(id(round), &plan), true),
                Err(error) => return self.give_up_count(tenant, tally, error).await,
            };
            let mut write = allowance::replace(
                there(tenant),
                before.allowance.as_ref(),
                after.allowance.as_ref(),
            )?;
            if !is_counting {
                write = change_zone(write, &seen, &after.zone(), now)?;
            }
            let mut writes = vec![write];
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
                    seen = self.table.get(&account).await?.unwrap_or_default();
                }
                WriteOutcome::Refused(found) => {
                    seen = found.into_iter().flatten().next().unwrap_or_default();
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
