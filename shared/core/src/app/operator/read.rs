//! Read-only views for the operator: tenants, accounts, tasks, the audit log, destination checks.

use super::Operator;
use crate::app::TaskTimeline;
use crate::app::everybody::everybody;
use crate::app::ledger::{self, LedgerPage, LedgerRequest};
use crate::base::error::{Kind, Result};
use crate::base::id::{AuditId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::money::{Account, Allowance};
use crate::domain::task::Task;
use crate::domain::tenant::{AuditEntry, Tenant, redacted};
use crate::domain::webhook::Endpoint;
use crate::port::DestinationCheck;

impl Operator {
    /// The tenant, read consistently. Kind `NotFound` if it does not exist.
    pub async fn tenant(&self, id: &TenantId) -> Result<Tenant> {
        self.context.tenants().get(id).await
    }

    /// All tenants, ordered by id.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        self.context.tenants().list().await
    }

    /// All tenants with their accounts, ordered by id. The accounts may be slightly stale.
    pub async fn tenants_with_accounts(&self) -> Result<Vec<(Tenant, Account)>> {
        let tenants = self.tenants().await?;
        let ids: Vec<TenantId> = tenants.iter().map(|tenant| tenant.id.clone()).collect();
        let accounts = self.context.accounts().accounts_of(&ids).await?;
        Ok(tenants.into_iter().zip(accounts).collect())
    }

    /// The ids of all tenants in order, including those whose record cannot be read.
    pub async fn tenant_ids(&self) -> Result<Vec<TenantId>> {
        self.context.tenants().ids().await
    }

    /// Those, and the ids of deleted tenants that left money or tasks.
    pub async fn tenant_ids_with_deleted(&self) -> Result<Vec<TenantId>> {
        let mut ids = Vec::new();
        for id in everybody(self.context.tenants(), Timestamp(0)).await? {
            match self.is_deleted(&id).await {
                Err(error) if error.kind == Kind::NotFound => {}
                // That a record cannot be read does not make a tenant unknown.
                _ => ids.push(id),
            }
        }
        Ok(ids)
    }

    /// Fails with kind `NotFound` unless the tenant exists, or was deleted and left money or tasks.
    pub async fn check_known(&self, id: &TenantId) -> Result<()> {
        self.is_deleted(id).await.map(drop)
    }

    /// Whether the tenant was deleted. Fails as [`Self::check_known`].
    pub(super) async fn is_deleted(&self, id: &TenantId) -> Result<bool> {
        match self.context.tenants().get_eventual(id).await {
            Err(error) if error.kind == Kind::NotFound => {
                let left_money = self.account(id).await? != Account::default();
                let left_tasks = !self.tasks(id, 1).await?.is_empty();
                if left_money || left_tasks {
                    Ok(true)
                } else {
                    Err(error)
                }
            }
            found => found.map(|_| false),
        }
    }

    /// The account; all zeros for a tenant that never had any money.
    pub async fn account(&self, id: &TenantId) -> Result<Account> {
        self.context.accounts().account(id).await
    }

    /// A page of the ledger, with its running balance; also of a deleted tenant.
    pub async fn ledger(&self, id: &TenantId, request: LedgerRequest) -> Result<LedgerPage> {
        self.check_known(id).await?;
        ledger::read_page(&self.context, id, request).await
    }

    /// The budget in force in this account, with the current month's use of it.
    pub fn month(&self, account: &Account) -> Option<Allowance> {
        account.budget_at(self.now())
    }

    /// The tenant's endpoints that can be read, oldest first.
    pub async fn endpoints(&self, id: &TenantId) -> Result<Vec<Endpoint>> {
        Ok(self.context.endpoints().list(id).await?.endpoints)
    }

    /// The tenant's newest tasks.
    pub async fn tasks(&self, id: &TenantId, limit: usize) -> Result<Vec<Task>> {
        self.context.tasks().list(id, None, limit).await
    }

    /// Every step and delivery of one task. Kind `NotFound` for foreign and unknown ids alike.
    pub async fn timeline(&self, id: &TenantId, task: &TaskId) -> Result<TaskTimeline> {
        TaskTimeline::read(&self.context, id, task).await
    }

    /// The audit log without secrets, newest first; only entries older than `before` if given.
    pub async fn audit_log(
        &self,
        before: Option<&AuditId>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>> {
        let mut entries = self.context.tenants().audit_log(before, limit).await?;
        for entry in &mut entries {
            entry.detail = redacted(entry.detail.take());
        }
        Ok(entries)
    }

    /// Checks whether the tenant's destination is usable right now. Kind `NotFound` if there is no
    /// such tenant.
    pub async fn probe(&self, id: &TenantId) -> Result<Vec<DestinationCheck>> {
        let tenant = self.tenant(id).await?;
        self.destinations
            .probe(&tenant.id, &tenant.destination)
            .await
    }
}
