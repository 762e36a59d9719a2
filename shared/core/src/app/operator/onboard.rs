//! Creates a tenant: validates the operator's input and generates the secrets.

use serde_json::Value;

use super::told::{told, told_in_full, with_difference};
use super::trust::NewTrusts;
use super::{NewDestination, Operator};
use crate::app::vault::Belongs;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::TenantId;
use crate::base::secret::Secret;
use crate::domain::money::{Account, PriceBook};
use crate::domain::tenant::{
    Actor, AuditAction, Limits, RetentionDays, Tenant, TenantState, Trust, UnarchivedOutputs,
};

/// A new tenant as the operator describes it.
#[derive(Debug)]
pub struct NewTenant {
    pub id: TenantId,
    pub trust: Vec<Trust>,
    pub destination: NewDestination,
    pub limits: Limits,
    pub unarchived: UnarchivedOutputs,
    pub retention: RetentionDays,
    /// Accept trust in claims that users can edit.
    pub force: bool,
}

/// A new tenant, and the secret that signs its drop-in callbacks.
pub struct Onboarded {
    pub tenant: Tenant,
    pub webhook_secret: Secret,
}

impl Operator {
    /// Creates a tenant with a webhook secret and, if it names a role, an ExternalId of its own.
    ///
    /// Kind `Invalid`, naming the field, for what cannot work; kind `Conflict` for a name that is
    /// taken (`tenant_exists`) or was a deleted tenant's (`tenant_name_used`), and for an issuer
    /// whose tokens could mean another tenant as well (`issuer_ambiguous`). Nothing is written
    /// then.
    pub async fn onboard(&self, new: NewTenant, actor: &Actor) -> Result<Onboarded> {
        new.limits.check()?;
        new.retention.check(&self.context.bounds)?;
        let destination = self.destination(new.destination, &new.id, None).await?;
        let trusts = NewTrusts {
            tenant: &new.id,
            trusts: &new.trust,
            before: &[],
            force: new.force,
        };
        self.check_trust(trusts).await?;
        self.check_name(&new.id).await?;
        let mut random = [0; 32];
        self.context.entropy.fill(&mut random);
        let webhook_secret = Secret::webhook(random);
        let sealed = self.vault.seal(&new.id, Belongs::Tenant, &webhook_secret);
        let tenant = Tenant {
            webhook_secret: sealed.await?,
            webhook_secrets_before: Vec::new(),
            id: new.id,
            created_at: self.now(),
            state: TenantState::Active,
            trust: new.trust,
            destination,
            destinations_before: Vec::new(),
            version: 1,
            prices: PriceBook::default(),
            limits: new.limits,
            unarchived: new.unarchived,
            retention: new.retention,
            keys: Vec::new(),
        };
        let destination = &tenant.destination;
        self.destinations.prepare(&tenant.id, destination).await?;
        let detail = with_difference(told(&tenant), &Value::Null, &told_in_full(&tenant));
        let entry = self.entry(actor, AuditAction::TenantCreated, &tenant.id, detail);
        self.context.tenants().create(&tenant, &entry).await?;
        Ok(Onboarded {
            tenant,
            webhook_secret,
        })
    }

    /// A reused name would show the new tenant what the deleted one left behind.
    async fn check_name(&self, id: &TenantId) -> Result<()> {
        if id.is_operator() {
            let text = "the name 'operator' stands for yourself: your own endpoints are kept under it; choose another name";
            return Err(Error::new(Kind::Conflict, "tenant_name_reserved", text).field("id"));
        }
        match self.context.tenants().get(id).await {
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error),
            // The store's own error for this is more precise.
            Ok(_) => return Ok(()),
        }
        let unused = self.context.accounts().account(id).await? == Account::default()
            && self.context.tasks().list(id, None, 1).await?.is_empty()
            && self.context.endpoints().list(id).await?.is_empty();
        if unused {
            return Ok(());
        }
        let text =
            format!("'{id}' was a tenant before, and its books are kept; choose another name");
        Err(Error::new(Kind::Conflict, "tenant_name_used", text).field("id"))
    }
}
