//! Accounts and their ledgers. Holds and settlements are written with their task: see
//! [`super::TaskStore`].

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::money::{Account, Budget, CountId, LedgerEntry, MicroUsd};
use crate::domain::tenant::AuditEntry;

/// A tenant's money.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The account; all zeros for a tenant that never had any money.
    async fn account(&self, tenant: &TenantId) -> Result<Account>;

    /// Adds money, its ledger entry and the audit entry, at the audit entry's time, in one
    /// transaction. Repeating a reference with the same amount changes nothing, records nothing and
    /// succeeds; with another amount it is a `Conflict` with code `reference_used`.
    async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        entry: &AuditEntry,
    ) -> Result<Account>;

    /// Sets or removes the monthly budget and adds the audit entry in one transaction; durable when
    /// it returns. Fails as [`Account::set_budget`] does; then nothing is written.
    ///
    /// Everything captured and held for tasks submitted this month counts, whatever starts and ends
    /// meanwhile: it is read once when a budget is set where there was none, or in another time
    /// zone. From then on every admission respects the budget: none that was decided under earlier
    /// terms is written later.
    async fn set_budget(
        &self,
        tenant: &TenantId,
        budget: Option<Budget>,
        now: Timestamp,
        entry: &AuditEntry,
    ) -> Result<Account>;

    /// Recounts the current month of a budget that an earlier release set and counted from zero.
    /// Does nothing for any other budget.
    async fn recount_budget(&self, tenant: &TenantId, now: Timestamp, id: CountId) -> Result<()>;

    /// The ledger, oldest first.
    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>>;
}
