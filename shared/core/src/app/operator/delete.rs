//! Deletes a tenant, unless it has running tasks or money left.

use serde_json::{Value, json};

use super::Operator;
use super::told::{told_in_full, with_difference};
use crate::app::open_tasks::OpenTasks;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::domain::tenant::{Actor, AuditAction};

/// What the operator allows in a deletion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Delete the tenant even if it has money left to spend.
    pub forget_balance: bool,
}

impl Operator {
    /// Deletes the tenant, its trusts and its batches; tasks, account and ledger are kept for the
    /// books, and the name cannot be used again.
    ///
    /// Kind `Conflict`: `tenant_has_tasks` while any of its tasks is running, `tenant_has_balance`
    /// if it has money left and `forget_balance` is not set, `version_conflict` if somebody changed
    /// the tenant meanwhile. On an error nothing is written.
    pub async fn delete(&self, id: &TenantId, deletion: Deletion, actor: &Actor) -> Result<()> {
        let tenant = self.context.tenants().get(id).await?;
        let account = self.context.accounts().account(id).await?;
        if account.held > MicroUsd::ZERO || self.has_live_tasks(id).await? {
            let text = format!(
                "tasks of tenant '{id}' are still running; suspend it, and delete it when they have ended"
            );
            return Err(Error::new(Kind::Conflict, "tenant_has_tasks", text));
        }
        if account.available > MicroUsd::ZERO && !deletion.forget_balance {
            let left = account.available;
            let text = format!(
                "tenant '{id}' has {left} left; pay it back and debit it, or delete with forget_balance=true"
            );
            return Err(Error::new(Kind::Conflict, "tenant_has_balance", text));
        }
        let detail = json!({ "forgotten_usd": account.available.decimal() });
        let detail = with_difference(detail, &told_in_full(&tenant), &Value::Null);
        let entry = self.entry(actor, AuditAction::TenantDeleted, id, detail);
        self.context
            .tenants()
            .delete(id, tenant.version, &entry)
            .await?;
        // What a crash leaves expires; nobody sees it any more.
        self.context.batches().remove_batches(id).await
    }

    /// Reads the tasks too: tasks with a price of zero hold no money, so the account alone does not
    /// show them.
    async fn has_live_tasks(&self, id: &TenantId) -> Result<bool> {
        let open = OpenTasks::read(&self.context, id, Timestamp(i64::MAX)).await?;
        Ok(open.live().next().is_some())
    }
}
