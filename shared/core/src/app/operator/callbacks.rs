//! What an operator does about a tenant's callbacks. The use cases are the tenant's own; here is
//! what they are recorded by.

use serde_json::json;

use super::Operator;
use crate::base::error::Result;
use crate::base::id::{DeliveryId, EndpointId, TenantId};
use crate::domain::tenant::{Actor, AuditAction};

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

    async fn record_change(
        &self,
        tenant: &TenantId,
        action: AuditAction,
        detail: serde_json::Value,
        actor: &Actor,
    ) -> Result<()> {
        self.context.tenants().get(tenant).await?;
        let entry = self.entry(actor, action, tenant, detail);
        self.context.tenants().record(&entry).await
    }
}
