//! Accounts and their ledgers. Holds and settlements are written with their task: see
//! [`super::TaskStore`]. What operators do about money is written with its audit entry.

use async_trait::async_trait;

use super::BooksReader;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::money::{
    Account, Adjustment, Budget, Corrected, CountId, EntryKind, LedgerEntry, LedgerQuery, MicroUsd,
};
use crate::domain::task::Change;
use crate::domain::tenant::AuditEntry;

/// A tenant's money.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The account; all zeros for a tenant that never had any money.
    async fn account(&self, tenant: &TenantId) -> Result<Account>;

    /// The accounts of these tenants, in their order; may be slightly stale.
    async fn accounts_of(&self, tenants: &[TenantId]) -> Result<Vec<Account>>;

    /// Adds money, its ledger entry and the audit entry, at the audit entry's time, in one
    /// transaction. Repeating a reference with the same amount changes nothing, records nothing and
    /// succeeds; with another amount it is a `Conflict` with code `reference_used`, and so is the
    /// reference of a top-up that was voided, with code `top_up_voided`.
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

    /// Adds or takes money, with its ledger entry and the audit entry, at the audit entry's time,
    /// in one transaction. Fails as [`Account::adjust`] does; then nothing is written. Repeating a
    /// reference as in [`Self::top_up`]; credits and debits have references of their own.
    async fn adjust(
        &self,
        tenant: &TenantId,
        adjustment: &Adjustment,
        entry: &AuditEntry,
    ) -> Result<Corrected>;

    /// Takes back the top-up of this reference and amount, as [`Self::adjust`]; `reason` is for the
    /// ledger. Kind `NotFound` if there is none. A top-up is voided once: the second time changes
    /// nothing, records nothing and succeeds. Fails as [`Account::void`] does.
    async fn void_top_up(
        &self,
        tenant: &TenantId,
        top_up: (&str, MicroUsd),
        reason: &str,
        entry: &AuditEntry,
    ) -> Result<Corrected>;

    /// Writes the change that refunds a task, its money, ledger entry and audit entry in one
    /// transaction. The ledger entry has the task's id, the refund's time and this reason. Kind
    /// `Conflict` as in [`super::TaskStore::apply`], and nothing is written, if the task has
    /// changed meanwhile.
    async fn refund(&self, change: &Change, reason: &str, entry: &AuditEntry) -> Result<Account>;

    /// The movement that an operator made under this reference.
    async fn operator_entry(
        &self,
        tenant: &TenantId,
        kind: EntryKind,
        reference: &str,
    ) -> Result<Option<LedgerEntry>>;

    /// Begins to read a tenant's books, to compare their parts with each other.
    async fn books(&self, tenant: &TenantId) -> Result<Box<dyn BooksReader>>;

    /// The whole ledger, oldest first: for ledgers that are known to be small.
    async fn ledger(&self, tenant: &TenantId) -> Result<Vec<LedgerEntry>>;

    /// The entries that are asked for, oldest first. What is read does not grow with the tenant's
    /// history, only with the window and with the tasks that may have ended in it.
    async fn ledger_page(&self, tenant: &TenantId, query: &LedgerQuery)
    -> Result<Vec<LedgerEntry>>;
}
