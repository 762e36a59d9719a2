//! Deleting a tenant: not while it has work, and not its money by accident.

use serde_json::json;

use super::Operator;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{TaskId, TenantId};
use crate::domain::money::MicroUsd;
use crate::domain::tenant::{Actor, AuditAction};

/// What the operator allows with a deletion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deletion {
    /// The tenant may be deleted although it has money left to spend.
    pub forget_balance: bool,
}

/// Tasks read at once.
const PAGE: usize = 200;
/// A task that is older than this is over: the bounds of its states add up to less than two days.
const LIFE_MAX_MS: u64 = 3 * 24 * 3_600_000;

impl Operator {
    /// Removes the tenant and whom it trusts; tasks, account and ledger stay for the books, and the
    /// name stays taken.
    ///
    /// Kind `Conflict`: `tenant_has_tasks` while anything of it runs, `tenant_has_balance` while it
    /// has money and that is not to be forgotten, `version_conflict` when somebody changed the
    /// tenant meanwhile. Nothing is written then.
    pub async fn delete(&self, id: &TenantId, deletion: Deletion, actor: &Actor) -> Result<()> {
        let tenant = self.context.tenants().get(id).await?;
        let account = self.context.accounts().account(id).await?;
        if account.held > MicroUsd::ZERO || self.has_live_tasks(id).await? {
            let text = format!(
                "tasks of tenant '{id}' are running; suspend it and delete it when they are over"
            );
            return Err(Error::new(Kind::Conflict, "tenant_has_tasks", text));
        }
        if account.available > MicroUsd::ZERO && !deletion.forget_balance {
            let left = account.available;
            let text = format!(
                "tenant '{id}' has {left} left; pay it back and delete with forget_balance=true"
            );
            return Err(Error::new(Kind::Conflict, "tenant_has_balance", text));
        }
        let detail = json!({ "forgotten_usd": account.available.decimal() });
        let entry = self.entry(actor, AuditAction::TenantDeleted, id, detail);
        self.context
            .tenants()
            .delete(id, tenant.version, &entry)
            .await
    }

    /// Tasks at no price hold nothing, so the account alone does not tell.
    async fn has_live_tasks(&self, id: &TenantId) -> Result<bool> {
        let now = self.now();
        let mut before: Option<TaskId> = None;
        loop {
            let page = self.context.tasks().list(id, before.as_ref(), PAGE).await?;
            if page.iter().any(|task| !task.state.is_end()) {
                return Ok(true);
            }
            match page.last() {
                Some(last) if now.since_ms(last.created_at) <= LIFE_MAX_MS => {
                    before = Some(last.id.clone())
                }
                _ => return Ok(false),
            }
        }
    }
}
