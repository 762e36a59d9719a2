//! Tells a tenant, and the operator, that its balance is low or its budget is used up to a
//! threshold. What was told of its destination is in the same record, and looked at with it.

use serde_json::json;

use super::Alerter;
use crate::base::error::{Reason, Result};
use crate::base::id::TenantId;
use crate::domain::money::{Account, Alert, Alerts};
use crate::domain::tenant::DestinationSeen;
use crate::domain::webhook::EventType;

/// How often a look is repeated that another one is in the way of.
const TRIES: usize = 5;

impl Alerter {
    /// One look at a tenant's money.
    pub(crate) async fn see_money(&self, tenant: &TenantId) {
        self.look_or_log(tenant, None, None).await;
    }

    /// The same look, and at what copies have found of its destination.
    pub(super) async fn see_tenant(&self, tenant: &TenantId, seen: Option<&DestinationSeen>) {
        self.look_or_log(tenant, None, seen).await;
    }

    /// The same for whoever has read it.
    pub(crate) async fn see_money_in(&self, tenant: &TenantId, seen: (Account, Alerts)) {
        self.look_or_log(tenant, Some(seen), None).await;
    }

    async fn look_or_log(
        &self,
        tenant: &TenantId,
        seen: Option<(Account, Alerts)>,
        destination: Option<&DestinationSeen>,
    ) {
        if let Err(error) = self.look_at(tenant, seen, destination).await {
            let error = error.with_causes();
            tracing::warn!(tenant.id = %tenant, error, "could not tell a tenant of its balance, budget or destination; will be looked at again");
        }
    }

    /// What is told is written before what was told: after a crash in between the same event is
    /// written again, which does nothing.
    async fn look_at(
        &self,
        tenant: &TenantId,
        mut seen: Option<(Account, Alerts)>,
        destination: Option<&DestinationSeen>,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let (account, before) = match seen.take() {
                Some(seen) => seen,
                None => self.context.alerts().alerts_eventual(tenant).await?,
            };
            let now = self.context.now();
            let (mut after, alerts) = before.after(&account, now);
            let change = destination.and_then(|seen| after.destination.see(seen, now));
            if after == before {
                return Ok(());
            }
            for alert in &alerts {
                self.tell_of_money(tenant, alert).await?;
            }
            if let Some(change) = &change {
                self.tell_of_destination(tenant, change).await?;
            }
            after.version += 1;
            let written = self.context.alerts().replace_alerts(tenant, &after, None);
            match written.await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written,
            }
        }
        // Whoever is in the way is looking too.
        Ok(())
    }

    async fn tell_of_money(&self, tenant: &TenantId, alert: &Alert) -> Result<()> {
        let (event, cause, data) = match alert {
            Alert::LowBalance {
                available,
                threshold,
                time,
            } => (
                EventType::BalanceLow,
                format!("balance/{tenant}/{time}"),
                json!({
                    "tenant_id": tenant,
                    "available_usd": available.usd(),
                    "threshold_usd": threshold.usd(),
                }),
            ),
            Alert::BudgetThreshold {
                percent,
                limit,
                spent,
                month,
                period,
                resets_at,
            } => (
                EventType::BudgetThreshold,
                format!("budget/{tenant}/{period}/{percent}"),
                json!({
                    "tenant_id": tenant,
                    "percent": percent,
                    "limit_usd": limit.usd(),
                    "spent_usd": spent.usd(),
                    "month": month,
                    "resets_at": resets_at.rfc3339(),
                }),
            ),
        };
        self.publish(tenant, event, &cause, data.clone()).await?;
        self.to_operator(event, &cause, data).await
    }
}
