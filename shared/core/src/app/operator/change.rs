//! Changes, suspends and resumes tenants.

use serde_json::json;

use super::told::{told, told_in_full, with_difference};
use super::trust::NewTrusts;
use super::{NewDestination, Operator};
use crate::base::error::{Error, Reason, Result};
use crate::base::id::TenantId;
use crate::domain::tenant::{
    Actor, AuditAction, Limits, RetentionDays, Tenant, TenantState, Trust, UnarchivedOutputs,
};

/// How often a tenant is suspended anew that changes meanwhile: making API keys changes it too, and
/// must not keep the operator out.
const TRIES: usize = 50;

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
    /// Replaces all of its terms.
    pub retention: Option<RetentionDays>,
    /// Accept trust in claims that users can edit.
    pub force: bool,
}

impl TenantChange {
    fn is_empty(&self) -> bool {
        let Self {
            trust,
            destination,
            limits,
            unarchived,
            retention,
            force: _,
        } = self;
        let is_empty = trust.is_none() && destination.is_none() && limits.is_none();
        is_empty && unarchived.is_none() && retention.is_none()
    }
}

impl Operator {
    /// Changes the trusts, the destination, the limits, the handling of outputs that the bucket
    /// refuses or how long data is kept, or several of these at once.
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
            let text =
                "say what to change: 'trust', 'destination', 'limits', 'unarchived' or 'retention'";
            return Err(Error::invalid("nothing_to_change", text));
        }
        let before = told_in_full(&tenant);
        tenant.unarchived = change.unarchived.unwrap_or(tenant.unarchived);
        if let Some(limits) = change.limits {
            limits.check()?;
            tenant.limits = limits;
        }
        if let Some(retention) = change.retention {
            retention.check(&self.context.bounds)?;
            tenant.retention = retention;
        }
        if let Some(trust) = change.trust {
            let trusts = NewTrusts {
                tenant: id,
                trusts: &trust,
                before: &tenant.trust,
                force: change.force,
            };
            self.check_trust(trusts).await?;
            tenant.trust = trust;
        }
        if let Some(destination) = change.destination {
            let before = Some(&tenant.destination);
            let destination = self.destination(destination, id, before).await?;
            self.destinations.prepare(id, &destination).await?;
            tenant.redirect(destination);
        }
        tenant.version += 1;
        let detail = with_difference(told(&tenant), &before, &told_in_full(&tenant));
        let entry = self.entry(actor, AuditAction::TenantChanged, id, detail);
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
        for _ in 0..TRIES {
            match self.enter_once(id, state, action, actor).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                entered => return entered,
            }
        }
        self.enter_once(id, state, action, actor).await
    }

    async fn enter_once(
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
        let before = json!({ "state": tenant.state });
        tenant.state = state;
        tenant.version += 1;
        let detail = with_difference(json!({}), &before, &json!({ "state": state }));
        let entry = self.entry(actor, action, id, detail);
        self.context.tenants().update(&tenant, &entry).await?;
        Ok(tenant)
    }
}
