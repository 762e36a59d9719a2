//! Tells a tenant that its destination refuses outputs, and that it takes them again. The operator
//! has a line in the log for each of the two, and a metric: it can mend nothing.

use serde_json::json;

use super::{Alerter, MOVED_MAX, locked};
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::tenant::{DestinationChange, DestinationSeen};
use crate::domain::webhook::EventType;

impl Alerter {
    /// A copy has found this of the tenant's destination. Costs nothing: it is looked at later.
    pub(crate) fn note_destination(&self, tenant: &TenantId, seen: DestinationSeen) {
        let mut noted = locked(&self.destinations);
        match noted.remove(tenant) {
            Some(earlier) => noted.insert(tenant.clone(), earlier.or(seen)),
            None if noted.len() < MOVED_MAX => noted.insert(tenant.clone(), seen),
            None => None,
        };
    }

    pub(super) async fn tell_of_destination(
        &self,
        tenant: &TenantId,
        change: &DestinationChange,
    ) -> Result<()> {
        let now = self.context.now().rfc3339();
        match change {
            DestinationChange::Failing(refusal, time) => {
                let data = json!({
                    "tenant_id": tenant,
                    "bucket": refusal.bucket,
                    "code": refusal.code,
                    "message": refusal.message,
                    "since": now,
                });
                let (event, cause) = (EventType::DestinationFailing, "failing");
                let cause = format!("destination/{tenant}/{time}/{cause}");
                self.publish(tenant, event, &cause, data).await?;
                let (bucket, code) = (&refusal.bucket, refusal.code);
                tracing::warn!(tenant.id = %tenant, bucket, error.code = code, error = refusal.message, "a tenant's destination refuses outputs; the tenant is told, and its tasks wait for it for a day");
            }
            DestinationChange::Recovered(ended, time) => {
                let since = ended.since.rfc3339();
                let data = json!({
                    "tenant_id": tenant,
                    "bucket": ended.bucket,
                    "code": ended.code,
                    "since": since,
                    "recovered_at": now,
                });
                let (event, cause) = (EventType::DestinationRecovered, "recovered");
                let cause = format!("destination/{tenant}/{time}/{cause}");
                self.publish(tenant, event, &cause, data).await?;
                tracing::info!(tenant.id = %tenant, since, "a tenant's destination takes outputs again");
            }
        }
        Ok(())
    }
}
