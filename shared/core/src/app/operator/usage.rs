//! What tenants used and what their accounts came to, for the operator.

use std::collections::BTreeSet;

use super::Operator;
use crate::app::day_reads::{AskedDays, UsageOfDays};
use crate::app::everybody::everybody;
use crate::app::metering::usage_of_days;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::metering::statement::Statement;
use crate::domain::metering::usage::Usage;
use crate::domain::money::{MicroUsd, Month, Zone};

/// What one of all tenants used.
#[derive(Debug)]
pub struct TenantUsage {
    pub tenant: TenantId,
    pub is_deleted: bool,
    pub usage: UsageOfDays,
}

impl Operator {
    /// A tenant's usage, as the tenant sees it. Kind `NotFound` if there never was one.
    pub async fn usage_of_days(&self, tenant: &TenantId, asked: &AskedDays) -> Result<UsageOfDays> {
        self.check_known(tenant).await?;
        usage_of_days(&self.context, tenant, asked).await
    }

    /// The usage of every tenant, by id, each in its own time zone; of deleted ones, if they used
    /// anything in these days.
    pub async fn usage_of_all(&self, asked: &AskedDays) -> Result<Vec<TenantUsage>> {
        let tenants = self.context.tenants();
        let present: BTreeSet<TenantId> = tenants.ids().await?.into_iter().collect();
        let mut all = Vec::new();
        for tenant in everybody(tenants, Timestamp(0)).await? {
            let is_deleted = !present.contains(&tenant);
            let usage = usage_of_days(&self.context, &tenant, asked).await?;
            if !is_deleted || usage.report.total() != Usage::default() {
                all.push(TenantUsage {
                    tenant,
                    is_deleted,
                    usage,
                });
            }
        }
        Ok(all)
    }

    /// A tenant's statement of a month, as the tenant sees it. Kind `NotFound` if there never was
    /// one.
    pub async fn statement(
        &self,
        tenant: &TenantId,
        month: Month,
        zone: Option<&Zone>,
    ) -> Result<Statement> {
        let is_deleted = self.is_deleted(tenant).await?;
        let statement = self.context.statement(tenant, month, zone).await?;
        Ok(Statement {
            is_deleted,
            ..statement
        })
    }

    /// What the tenant was charged this month, in its account's time zone.
    pub async fn spent_this_month(&self, tenant: &TenantId) -> Result<MicroUsd> {
        self.context.spent_this_month(tenant).await
    }
}
