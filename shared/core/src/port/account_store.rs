//! Accounts and their ledgers. Holds and settlements go with a task: see [`super::TaskStore`].

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::money::{Account, Budget, CountId, LedgerEntry, MicroUsd};
use crate::domain::tenant::AuditEntry;

/// A tenant's money.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The account; all zero for a tenant that never had any money.
    async fn account(&self, tenant: &TenantId) -> Result<Account>;

    /// Adds money, the ledger's line and the entry that tells of it, at the entry's time, in one
    /// transaction. The same reference again with the same amount changes nothing, tells of nothing
    /// and succeeds; with another amount it is a `Conflict` with code `reference_used`.
    async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account>;

    /// Sets the monthly budget, or takes it away, and adds the entry that tells of it in one
    /// transaction; durable when it returns. Fails as [`Account::set_budget`] does, and nothing is
    /// written.
    ///
    /// What was captured and what is held for tasks that were submitted this month counts, whatever
    /// begins and ends meanwhile: they are read once when a budget is set where there was none, or
    /// in another time zone. From then on every admission keeps to it: none that was decided by
    /// earlier terms is written later.
    async fn set_budget(
        &self,
        tenant: &TenantId,
        budget: Option<Budget>,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Account>;

    /// Counts the running month of a budget that a release set which counted from zero. Of any
    /// other it does nothing.
    async fn recount_budget(&self, tenant: &TenantId, now: Timestamp, id: CountId) -> Result<()>;

    /// The ledger, oldest first.
    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>>;
}
