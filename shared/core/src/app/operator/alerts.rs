//! When a tenant is told that its money runs out.

use serde_json::json;

use super::Operator;
use crate::base::error::{Reason, Result};
use crate::base::id::TenantId;
use crate::domain::money::{AlertTerms, Alerts, MicroUsd};
use crate::domain::tenant::{Actor, AuditAction};
use crate::port::errors::version_moved;

/// How often a change is made again that others are in the way of.
const TRIES: usize = 10;

impl Operator {
    /// Kind `NotFound` if there is no such tenant.
    pub async fn alerts(&self, tenant: &TenantId) -> Result<Alerts> {
        self.context.tenants().get(tenant).await?;
        self.context.alerts().alerts_of(tenant).await
    }

    /// Replaces the terms. What was told stays told.
    ///
    /// Kind `Invalid`, naming the field, as [`AlertTerms::check`] says; kind `NotFound`.
    pub async fn set_alerts(
        &self,
        tenant: &TenantId,
        terms: AlertTerms,
        actor: &Actor,
    ) -> Result<Alerts> {
        terms.check()?;
        self.context.tenants().get(tenant).await?;
        let detail = json!({
            "low_balance_usd": terms.low_balance.map(MicroUsd::decimal),
            "budget_percents": terms.budget_percents,
        });
        for _ in 0..TRIES {
            let mut alerts = self.context.alerts().alerts_of(tenant).await?;
            alerts.terms = terms.clone();
            alerts.version += 1;
            let entry = self.entry(actor, AuditAction::AlertsChanged, tenant, detail.clone());
            let store = self.context.alerts();
            match store.replace_alerts(tenant, &alerts, Some(&entry)).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| alerts),
            }
        }
        Err(version_moved(
            "the tenant's alerts keep changing; try again",
        ))
    }

    /// A part of the last top-up is the balance below which the tenant is told. The money is there
    /// whether or not this can be written.
    pub(super) async fn note_top_up(&self, tenant: &TenantId, amount: MicroUsd) {
        if let Err(error) = self.write_top_up(tenant, amount).await {
            let error = error.with_causes();
            tracing::warn!(tenant.id = %tenant, error, "a top-up is not taken into account when the balance is low");
        }
        self.alerter.see_money(tenant).await;
    }

    async fn write_top_up(&self, tenant: &TenantId, amount: MicroUsd) -> Result<()> {
        for _ in 0..TRIES {
            let mut alerts = self.context.alerts().alerts_of(tenant).await?;
            if alerts.last_top_up == Some(amount) {
                return Ok(());
            }
            alerts.last_top_up = Some(amount);
            alerts.version += 1;
            let store = self.context.alerts();
            match store.replace_alerts(tenant, &alerts, None).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written,
            }
        }
        Err(version_moved("the tenant's alerts keep changing"))
    }
}
