//! Changes, suspends and resumes tenants.

use serde_json::json;

use super::onboard::told;
use super::{NewDestination, Operator};
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::tenant::{
    Actor, AuditAction, Limits, Tenant, TenantState, Trust, UnarchivedOutputs,
};

/// The fields to change. Fields that are left out stay as they are.
#[derive(Debug, Default)]
pub struct TenantChange {
    /// Replaces all trusts.
    pub trust: Option<Vec<Trust>>,
    /// Replaces the whole destination.
    pub destination: Option<NewDestination>,
    /// Replaces all limits.
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
    /// Changes the trusts, the destination, the limits or the handling of outputs that the bucket
    /// refuses, or several of these at once.
    ///
    /// Kind `Invalid`, naming the field, for invalid values, and with code `nothing_to_change`;
    /// kind `Conflict` with code `issuer_ambiguous` as in [`Self::onboard`], and with code
    /// `version_conflict` if somebody else changed the tenant meanwhile. On an error nothing is
    /// written.
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

    /// Refuses new work of the tenant from now on; running tasks finish, and reads still work.
    /// Idempotent.
    pub async fn suspend(&self, id: &TenantId, actor: &Actor) -> Result<Tenant> {
        self.enter(
            id,
            TenantState::Suspended,
            AuditAction::TenantSuspended,
            actor,
        )
        .await
    }

    /// Ends a suspension. Idempotent.
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
