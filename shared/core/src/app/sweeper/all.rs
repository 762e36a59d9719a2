//! A sweep of every tenant, on a schedule or at a start.

use std::collections::BTreeMap;

use super::{Sweeper, TenantSweep};
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::port::Ids as _;

/// What a sweep of all tenants came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub tenants: usize,
    pub live: usize,
    pub stuck: usize,
    /// Tenants that could not be swept.
    pub failed: usize,
}

impl Sweeper {
    /// Sweeps every tenant, and frees the slots that none of their tasks holds. What one tenant's
    /// sweep meets keeps no other from its own.
    pub async fn sweep_all(&self, until: Timestamp) -> Result<Swept> {
        let mut tenants = self.context.tenants().ids().await?;
        // Where the time is not enough for all it shall not always be the same who are left out.
        let first = self.context.entropy.u64() as usize % tenants.len().max(1);
        tenants.rotate_left(first);
        let begun = self.context.now();
        let mut swept = Swept {
            tenants: tenants.len(),
            ..Swept::default()
        };
        let mut slots: BTreeMap<u64, u32> = BTreeMap::new();
        for tenant in &tenants {
            match self.sweep(tenant, until).await {
                Ok(found) => {
                    swept.live += found.live;
                    swept.stuck += found.stuck.len();
                    found
                        .slots
                        .iter()
                        .for_each(|(period, count)| *slots.entry(*period).or_default() += count);
                    report(tenant, &found);
                }
                Err(error) => {
                    swept.failed += 1;
                    tracing::error!(tenant.id = %tenant, error = error.with_causes(), "a tenant could not be audited");
                }
            }
        }
        // A recount without one tenant's tasks would free what they hold.
        if swept.failed == 0 {
            self.recount_slots(slots, begun).await?;
        }
        Ok(swept)
    }

    /// What a start looks for: tasks that nobody moves, whatever kept them. Copies that were under
    /// way are begun again.
    pub async fn recover(&self) {
        let tenants = match self.context.tenants().ids().await {
            Ok(tenants) => tenants,
            Err(error) => {
                let error = error.with_causes();
                tracing::error!(
                    error,
                    "the tenants cannot be listed; stuck tasks wait for the next start"
                );
                return;
            }
        };
        for tenant in tenants {
            if let Err(error) = self.recover_tenant(&tenant).await {
                let error = error.with_causes();
                tracing::error!(tenant.id = %tenant, error, "a tenant's tasks could not be looked over; the next start will");
            }
        }
    }

    async fn recover_tenant(&self, tenant: &TenantId) -> Result<()> {
        let found = self.sweep(tenant, Timestamp(i64::MAX)).await?;
        report(tenant, &found);
        self.archive_again(tenant, &found.archiving).await
    }
}

fn report(tenant: &TenantId, found: &TenantSweep) {
    for task in &found.stuck {
        tracing::warn!(tenant.id = %tenant, task.id = %task, "a task was stuck and is watched again");
    }
    if found.held_without_task != MicroUsd::ZERO {
        tracing::error!(tenant.id = %tenant, amount = %found.held_without_task, "the account holds other than its live tasks do");
    }
}
