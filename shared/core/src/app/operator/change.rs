//! Changing a tenant, suspending it and letting it go on.

use serde_json::json;

use super::onboard::told;
use super::{NewDestination, Operator};
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::tenant::{
    Actor, AuditAction, Limits, Tenant, TenantState, Trust, UnarchivedOutputs,
};

/// What is to be different. What is left out stays as it is.
#[derive(Debug, Default)]
pub struct TenantChange {
    /// In place of all that there were.
    pub trust: Option<Vec<Trust>>,
    /// In place of the whole one.
    pub destination: Option<NewDestination>,
    /// In place of all that there were.
    pub limits: Option<Limits>,
    pub unarchived: Option<UnarchivedOutputs>,
}

impl TenantChange {
    fn is_empty(&self) -> bool {
        let Self {
            trust,
            destination,
            limits,
            unarchived,
        } = self;
        trust.is_none() && destination.is_none() && limits.is_none() && unarchived.is_none()
    }
}

impl Operator {
    /// Changes trust, destination, limits, what becomes of outputs that its bucket refuses, or
    /// several at once.
    ///
    /// Kind `Invalid`, naming the field, for what cannot work, and `nothing_to_change`; kind
    /// `Conflict` with code `issuer_ambiguous` as when a tenant is made, and with code
    /// `version_conflict` when somebody else changed the tenant meanwhile. Nothing is written then.
    pub async fn change(
        &self,
        id: &TenantId,
        change: TenantChange,
        actor: &Actor,
    ) -> Result<Tenant> {
        let mut tenant = self.context.tenants().get(id).await?;
        if change.is_empty() {
            let text = "say what to change: 'trust', 'destination', 'limits' or 'unarchived'";
            return Err(Error::invalid("nothing_to_change", text));
        }
        tenant.unarchived = change.unarchived.unwrap_or(tenant.unarchived);
        if let Some(limits) = change.limits {
            limits.check()?;
            tenant.limits = limits;
        }
        if let Some(trust) = change.trust {
            self.check_trust(id, &trust).await?;
            tenant.trust = trust;
        }
        if let Some(destination) = change.destination {
            tenant.destination =
                destination.made(Some(&tenant.destination), &*self.context.entropy)?;
            self.destinations.prepare(&tenant.destination).await?;
        }
        tenant.version += 1;
        let entry = self.entry(actor, AuditAction::TenantChanged, id, told(&tenant));
        self.context.tenants().update(&tenant, &entry).await?;
        Ok(tenant)
    }

    /// Refuses whatever the tenant would begin from now on; what runs finishes, and what is there
    /// is read as before. Twice is as once.
    pub async fn suspend(&self, id: &TenantId, actor: &Actor) -> Result<Tenant> {
        self.enter(
            id,
            TenantState::Suspended,
            AuditAction::TenantSuspended,
            actor,
        )
        .await
    }

    /// Ends a suspension. Twice is as once.
    pub async fn resume(&self, id: &TenantId, actor: &Actor) -> Result<Tenant> {
        self.enter(id, TenantState::Active, AuditAction::TenantResumed, actor)
            .await
    }

    async fn enter(
        &self,
        id: &TenantId,
        state: TenantState,
        action: AuditAction,
        actor: &Actor,
    ) -> Result<Tenant> {
        let mut tenant = self.context.tenants().get(id).await?;
        if tenant.state == state {
            return Ok(tenant);
        }
        tenant.state = state;
        tenant.version += 1;
        self.context
            .tenants()
            .update(&tenant, &self.entry(actor, action, id, json!({})))
            .await?;
        Ok(tenant)
    }
}
