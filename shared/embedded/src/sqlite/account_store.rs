//! Accounts and ledgers.

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::Tally;
use fluxgate_core::money::{
    Account, Adjustment, Budget, Corrected, Count, CountId, EntryKind, LedgerEntry, LedgerQuery,
    MicroUsd, Setting,
};
use fluxgate_core::port::{AccountStore, BooksReader};
use fluxgate_core::task::Change;
use fluxgate_core::tenant::AuditEntry;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result, app};
use rusqlite::{Connection, params};

use super::books::SqliteBooks;
use super::reports::rows;
use super::{SqliteStore, audit_log, corrections, day_sums, money};

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

    async fn accounts_of(&self, tenants: &[TenantId]) -> Result<Vec<Account>> {
        let tenants = tenants.to_vec();
        self.report(move |connection| {
            let account = |tenant| money::read(connection, tenant);
            tenants.iter().map(account).collect()
        })
        .await
    }

    async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account> {
        let (tenant, reference, entry) = (tenant.clone(), reference.to_owned(), entry.clone());
        self.write(move |write| {
            corrections::top_up(write.connection, &tenant, amount, reference.clone(), &entry)
        })
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
        self.bring_into_force(tenant, ids, wish, Some((now, entry)))
            .await
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

    async fn adjust(
        &self,
        tenant: &TenantId,
        adjustment: &Adjustment,
        entry: &AuditEntry,
    ) -> Result<Corrected> {
        let (tenant, adjustment, entry) = (tenant.clone(), adjustment.clone(), entry.clone());
        self.write(move |write| corrections::adjust(write.connection, &tenant, &adjustment, &entry))
            .await
    }

    async fn void_top_up(
        &self,
        tenant: &TenantId,
        (reference, amount): (&str, MicroUsd),
        reason: &str,
        entry: &AuditEntry,
    ) -> Result<Corrected> {
        let (tenant, entry) = (tenant.clone(), entry.clone());
        let (top_up, reason) = ((reference.to_owned(), amount), reason.to_owned());
        self.write(move |write| {
            let (top_up, reason) = (top_up.clone(), reason.clone());
            corrections::void_top_up(write.connection, &tenant, top_up, reason, &entry)
        })
        .await
    }

    async fn refund(&self, change: &Change, reason: &str, entry: &AuditEntry) -> Result<Account> {
        let (change, reason, entry) = (change.clone(), reason.to_owned(), entry.clone());
        self.write(move |write| {
            corrections::refund(write.connection, &change, reason.clone(), &entry)
        })
        .await
    }

    async fn operator_entry(
        &self,
        tenant: &TenantId,
        kind: EntryKind,
        reference: &str,
    ) -> Result<Option<LedgerEntry>> {
        let found = self.reading().await.row(
            &money::one_entry(),
            params![tenant.as_str(), reference, kind.as_str()],
            money::entry_of,
        )?;
        found.map(money::whole_entry).transpose()
    }

    async fn books(&self, tenant: &TenantId) -> Result<Box<dyn BooksReader>> {
        let books = SqliteBooks::new(self.reports.clone(), tenant.clone());
        Ok(Box::new(books))
    }

    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>> {
        let sql = format!(
            "SELECT {} FROM ledger WHERE tenant = ?1 ORDER BY at, reference, kind",
            money::ENTRY
        );
        let tenant = tenant.clone();
        self.report(move |connection| {
            let rows = rows(connection, &sql, params![tenant.as_str()], money::entry_of)?;
            rows.into_iter().map(money::whole_entry).collect()
        })
        .await
    }

    async fn ledger_page(
        &self,
        tenant: &TenantId,
        query: &LedgerQuery,
    ) -> Result<Vec<LedgerEntry>> {
        let sql = format!(
            "SELECT {} FROM ledger WHERE tenant = ?1 AND at BETWEEN ?2 AND ?3
             AND (at, reference, kind) > (?4, ?5, ?6) ORDER BY at, reference, kind LIMIT ?7",
            money::ENTRY
        );
        let (tenant, query) = (tenant.clone(), query.clone());
        self.report(move |connection| {
            let after = query.after.as_ref();
            let page = params![
                tenant.as_str(),
                query.starts().0,
                query.until.0,
                after.map_or(i64::MIN, |after| after.at.0),
                after.map_or("", |after| after.reference.as_str()),
                after.map_or("", |after| after.kind.as_str()),
                i64::try_from(query.limit).unwrap_or(i64::MAX)
            ];
            let rows = rows(connection, &sql, page, money::entry_of)?;
            rows.into_iter().map(money::whole_entry).collect()
        })
        .await
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
        entry: Option<(Timestamp, AuditEntry)>,
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
    entry: Option<&(Timestamp, AuditEntry)>,
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
    if let Some((now, entry)) = entry {
        day_sums::change_zone(connection, tenant, &account.zone(), *now)?;
        audit_log::add(connection, entry)?;
    }
    Ok(Step::Done(account))
}
