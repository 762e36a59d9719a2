//! What an operator does about a tenant's callbacks and tasks, and about dead letters. The use
//! cases are elsewhere; here is what they are recorded by.

use serde_json::{Value, json};

use super::Operator;
use super::told::with_difference;
use crate::base::error::Result;
use crate::base::id::{DeliveryId, EndpointId, TenantId};
use crate::domain::task::Output;
use crate::domain::tenant::{Actor, AuditAction, Destination};

impl Operator {
    /// Records what is about to be done with an endpoint; `None` is one that is being created. It
    /// is recorded first, so that nothing is done without a record; what is refused then is
    /// recorded too.
    ///
    /// Kind `NotFound` for a tenant that there is not.
    pub async fn record_endpoint(
        &self,
        tenant: &TenantId,
        endpoint: Option<&EndpointId>,
        by: &str,
        actor: &Actor,
    ) -> Result<()> {
        let detail = json!({ "endpoint": endpoint, "by": by });
        self.record_change(tenant, AuditAction::EndpointChanged, detail, actor)
            .await
    }

    /// The same of a change of an endpoint, with the fields that are to be set: as they were, and
    /// as they are asked for.
    pub async fn record_endpoint_change(
        &self,
        tenant: &TenantId,
        endpoint: &EndpointId,
        (before, asked): (&Value, &Value),
        actor: &Actor,
    ) -> Result<()> {
        let mut known = before.clone();
        if let Some(fields) = known.as_object_mut() {
            fields.retain(|name, _| asked.get(name).is_some());
        }
        let detail = json!({ "endpoint": endpoint, "by": "change" });
        let detail = with_difference(detail, &known, asked);
        self.record_change(tenant, AuditAction::EndpointChanged, detail, actor)
            .await
    }

    /// The same of a delivery.
    pub async fn record_delivery(
        &self,
        tenant: &TenantId,
        delivery: &DeliveryId,
        by: &str,
        actor: &Actor,
    ) -> Result<()> {
        let detail = json!({ "delivery": delivery, "by": by });
        self.record_change(tenant, AuditAction::DeliveryChanged, detail, actor)
            .await
    }

    /// The same of a task.
    pub(crate) async fn record_task(
        &self,
        tenant: &TenantId,
        detail: Value,
        actor: &Actor,
    ) -> Result<()> {
        self.record_change(tenant, AuditAction::TaskChanged, detail, actor)
            .await
    }

    /// Records what personal data is about to be erased.
    pub(crate) async fn record_erasure(
        &self,
        tenant: &TenantId,
        detail: Value,
        actor: &Actor,
    ) -> Result<()> {
        let action = AuditAction::PersonalDataErased;
        self.record_change(tenant, action, detail, actor).await
    }

    /// As [`Destinations::is_own`].
    pub(crate) fn is_own(&self, destination: &Destination) -> bool {
        self.destinations.is_own(destination)
    }

    /// As [`Destinations::remove_own`].
    pub(crate) async fn remove_own_output(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
    ) -> Result<bool> {
        let destinations = &self.destinations;
        destinations.remove_own(tenant, destination, output).await
    }

    /// Records what is about to be done to no tenant in particular.
    pub(crate) async fn record_for_all(
        &self,
        action: AuditAction,
        detail: Value,
        actor: &Actor,
    ) -> Result<()> {
        let entry = self.installation_entry(actor, action, detail);
        self.context.tenants().record(&entry).await
    }

    /// Fails with kind `NotFound` unless the tenant exists, or stands for the operator.
    pub async fn check_has_endpoints(&self, tenant: &TenantId) -> Result<()> {
        if tenant.is_operator() {
            return Ok(());
        }
        self.context.tenants().get(tenant).await.map(drop)
    }

    async fn record_change(
        &self,
        tenant: &TenantId,
        action: AuditAction,
        detail: Value,
        actor: &Actor,
    ) -> Result<()> {
        self.check_has_endpoints(tenant).await?;
        let entry = self.entry(actor, action, tenant, detail);
        self.context.tenants().record(&entry).await
    }
}
