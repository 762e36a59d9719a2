//! Accounts and ledgers.

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::Tally;
use fluxgate_core::money::{
    Account, Budget, Count, CountId, EntryKind, LedgerEntry, MicroUsd, Setting,
};
use fluxgate_core::port::AccountStore;
use fluxgate_core::port::errors::reference_used;
use fluxgate_core::tenant::AuditEntry;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result, app};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::database;
use super::{SqliteStore, audit_log, money};

#[async_trait]
impl AccountStore for SqliteStore {
    async fn account(&self, tenant: &TenantId) -> Result<Account> {
        money::whole(
            tenant,
            self.reading().await.row(
                money::ACCOUNT,
                params![tenant.as_str()],
                money::account_of,
            )?,
        )
    }

    async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account> {
        let (tenant, reference, entry) = (tenant.clone(), reference.to_owned(), entry.clone());
        self.write(move |write| top_up(write.connection, &tenant, amount, reference, &entry))
            .await
    }

    async fn set_budget(
        &self,
        tenant: &TenantId,
        budget: Option<Budget>,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Account> {
        let ids = |n| CountId::of(&entry.id, n);
        let (wish, entry) = (
            move |account: Account, tally: Option<&Tally>| {
                account.set_budget(budget.clone(), now, tally)
            },
            entry.clone(),
        );
        self.bring_into_force(tenant, ids, wish, Some(entry)).await
    }

    async fn recount_budget(&self, tenant: &TenantId, now: Timestamp, id: CountId) -> Result<()> {
        let wish =
            move |account: Account, tally: Option<&Tally>| account.recount_budget(now, tally);
        if let Setting::Ready(_) = wish(self.account(tenant).await?, None)? {
            return Ok(());
        }
        self.bring_into_force(tenant, |n| CountId(id.0 + u64::from(n)), wish, None)
            .await
            .map(drop)
    }

    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        let rows = self.reading().await.rows(
            "SELECT reference, kind, amount, at FROM ledger WHERE tenant = ?1 ORDER BY at, reference",
            params![tenant.as_str()],
            money::entry_of,
        )?;
        rows.into_iter()
            .map(|(kind, entry)| {
                Ok(LedgerEntry {
                    kind: money::entry_kind(&kind)?,
                    ..entry
                })
            })
            .collect()
    }
}

/// How often a count is restarted when the month ends while it runs.
const ROUNDS_MAX: u32 = 8;

/// The next step of setting a budget.
enum Step {
    Done(Account),
    Counting(Count),
}

impl SqliteStore {
    /// Puts a budget into force, after counting the month's tasks if necessary.
    async fn bring_into_force<W>(
        &self,
        tenant: &TenantId,
        id: impl Fn(u32) -> CountId + Send + Sync,
        wish: W,
        entry: Option<AuditEntry>,
    ) -> Result<Account>
    where
        W: Fn(Account, Option<&Tally>) -> Result<Setting> + Clone + Send + Sync + 'static,
    {
        let mut tally = None;
        for round in 0..ROUNDS_MAX {
            let (of, id, wish, entry) = (tenant.clone(), id(round), wish.clone(), entry.clone());
            let step = self
                .write(move |write| {
                    step(
                        write.connection,
                        &of,
                        id,
                        &wish,
                        tally.as_ref(),
                        entry.as_ref(),
                    )
                })
                .await;
            let counted = match step {
                Ok(Step::Done(account)) => return Ok(account),
                Ok(Step::Counting(count)) => app::tally(self, tenant, &count).await,
                Err(error) => Err(error),
            };
            match counted {
                Ok(counted) => tally = Some(counted),
                Err(error) => {
                    if let Some(Tally { count, .. }) = tally {
                        self.drop_count(tenant, count).await?;
                    }
                    return Err(error);
                }
            }
        }
        Err(Error::unavailable(
            "contention",
            "the month's tasks could not be counted; try again",
        ))
    }

    async fn drop_count(&self, tenant: &TenantId, id: CountId) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |write| {
            let account = money::read(write.connection, &tenant)?.drop_count(id);
            money::write(write.connection, &tenant, &account)
        })
        .await
    }
}

fn step(
    connection: &Connection,
    tenant: &TenantId,
    id: CountId,
    wish: &impl Fn(Account, Option<&Tally>) -> Result<Setting>,
    tally: Option<&Tally>,
    entry: Option<&AuditEntry>,
) -> Result<Step> {
    let account = money::read(connection, tenant)?;
    let (account, counting) = match wish(account.clone(), tally)? {
        Setting::Ready(account) => (account, None),
        Setting::Count(plan) => {
            let account = account.begin_count(id, &plan);
            let count = account.count();
            (account, count)
        }
    };
    money::write(connection, tenant, &account)?;
    if let Some(count) = counting {
        return Ok(Step::Counting(count));
    }
    entry
        .map(|entry| audit_log::add(connection, entry))
        .transpose()?;
    Ok(Step::Done(account))
}

fn top_up(
    connection: &Connection,
    tenant: &TenantId,
    amount: MicroUsd,
    reference: String,
    entry: &AuditEntry,
) -> Result<Account> {
    let account = money::read(connection, tenant)?;
    match earlier(connection, tenant, &reference)? {
        Some(before) if before == amount => return Ok(account),
        Some(before) => {
            return Err(reference_used(&reference, before));
        }
        None => {}
    }
    let account = account.top_up(amount)?;
    money::write(connection, tenant, &account)?;
    money::enter(
        connection,
        tenant,
        &LedgerEntry {
            kind: EntryKind::TopUp,
            reference,
            amount,
            at: entry.at,
        },
    )?;
    audit_log::add(connection, entry)?;
    Ok(account)
}

fn earlier(
    connection: &Connection,
    tenant: &TenantId,
    reference: &str,
) -> Result<Option<MicroUsd>> {
    connection
        .query_row(
            "SELECT amount FROM ledger WHERE tenant = ?1 AND reference = ?2 AND kind = 'top_up'",
            params![tenant.as_str(), reference],
            |row| row.get(0).map(MicroUsd),
        )
        .optional()
        .map_err(database("read the ledger"))
}
