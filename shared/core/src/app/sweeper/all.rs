//! Sweeps all tenants, on a schedule or at startup.

use std::collections::BTreeMap;

use super::{Sweeper, TenantSweep};
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::metric;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::port::Ids as _;

/// The result of sweeping all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub tenants: usize,
    pub live: usize,
    pub stuck: usize,
    /// Number of tenants that could not be swept.
    pub failed: usize,
}

/// What all tenants' sweeps together say of the installation.
#[derive(Default)]
struct Totals {
    held: i64,
    stuck: i64,
    held_without_task: i64,
}

impl Totals {
    fn add(&mut self, found: &TenantSweep) {
        self.held += found.held.0;
        self.stuck += i64::try_from(found.stuck.len()).unwrap_or(i64::MAX);
        // One tenant's missing money must not hide another's surplus.
        self.held_without_task += found.held_without_task.0.max(0);
    }

    fn publish(&self) {
        metric::HELD.set(self.held);
        metric::STUCK_TASKS.set(self.stuck);
        metric::HELD_WITHOUT_TASK.set(self.held_without_task);
    }
}

impl Sweeper {
    /// Sweeps every tenant and frees slots held by no task. A failure for one tenant does not stop
    /// the others.
    pub async fn sweep_all(&self, until: Timestamp) -> Result<Swept> {
        let mut tenants = self.context.tenants().ids().await?;
        // Start at a random tenant, so that a shortage of time does not always skip the same ones.
        let first = self.context.entropy.u64() as usize % tenants.len().max(1);
        tenants.rotate_left(first);
        let begun = self.context.now();
        let mut swept = Swept {
            tenants: tenants.len(),
            ..Swept::default()
        };
        let mut slots: BTreeMap<u64, u32> = BTreeMap::new();
        let mut totals = Totals::default();
        for tenant in &tenants {
            match self.sweep(tenant, until).await {
                Ok(found) => {
                    swept.live += found.live;
                    swept.stuck += found.stuck.len();
                    found
                        .slots
                        .iter()
                        .for_each(|(period, count)| *slots.entry(*period).or_default() += count);
                    totals.add(&found);
                    report(tenant, &found);
                }
                Err(error) => {
                    swept.failed += 1;
                    tracing::error!(tenant.id = %tenant, error = error.with_causes(), "could not sweep a tenant; the next sweep tries again");
                }
            }
        }
        totals.publish();
        // A recount without one tenant's tasks would free what they hold.
        if swept.failed == 0 {
            self.recount_slots(slots, begun).await?;
        }
        Ok(swept)
    }

    /// Run at startup: finds tasks that nobody moves and resumes interrupted copies.
    pub async fn recover(&self) {
        let tenants = match self.context.tenants().ids().await {
            Ok(tenants) => tenants,
            Err(error) => {
                let error = error.with_causes();
                tracing::error!(
                    error,
                    "could not list tenants; stuck tasks are not recovered until the next start"
                );
                return;
            }
        };
        let mut totals = Totals::default();
        for tenant in tenants {
            if let Err(error) = self.recover_tenant(&tenant, &mut totals).await {
                let error = error.with_causes();
                tracing::error!(tenant.id = %tenant, error, "could not recover a tenant's tasks; the next start tries again");
            }
        }
        totals.publish();
    }

    async fn recover_tenant(&self, tenant: &TenantId, totals: &mut Totals) -> Result<()> {
        let found = self.sweep(tenant, Timestamp(i64::MAX)).await?;
        totals.add(&found);
        report(tenant, &found);
        self.archive_again(tenant, &found.archiving).await
    }
}

fn report(tenant: &TenantId, found: &TenantSweep) {
    for (task, trace) in &found.stuck {
        tracing::warn!(tenant.id = %tenant, task.id = %task, trace_id = trace.trace_id(), "task was stuck; sent a new watch");
    }
    if found.held_without_task != MicroUsd::ZERO {
        tracing::error!(tenant.id = %tenant, amount = %found.held_without_task, "money held by the account differs from the holds of its live tasks; check the tenant's books");
    }
}
