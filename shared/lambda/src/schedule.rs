//! The sweeper: looks over every tenant now and then, says what it found, and exports usage.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxgate_core::app::{Fluxgate, UsageExport};
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::Ids as _;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, counted};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::emf;
use crate::init::InitError;

/// The end of an invocation that is left for what is under way: a page of tasks, a batch into the bucket.
const RESERVE_MS: i64 = 60_000;
/// For how long a deleted tenant is still asked for charges that were not exported.
const DELETED_MS: i64 = 30 * 86_400_000;

/// What the schedule wakes.
pub struct Sweeper {
    pub(crate) fluxgate: Arc<Fluxgate>,
    /// `None`: usage is not exported.
    pub(crate) export: Option<UsageExport>,
}

/// Sweeps whenever the schedule says so, until the platform ends the process.
pub async fn serve(sweeper: Sweeper) -> Result<(), InitError> {
    let sweeper = &sweeper;
    let handle = |event: LambdaEvent<Value>| async move {
        let ends = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let swept = sweeper.sweep(Timestamp(ends.saturating_sub(RESERVE_MS))).await;
        emf::flush();
        swept
    };
    Ok(lambda_runtime::run(service_fn(handle)).await?)
}

/// What a sweep came to.
#[derive(Default)]
struct Swept {
    live: usize,
    stuck: usize,
    exported: usize,
    /// Slots of the provider's account that tasks hold, by the period in which they were taken.
    slots: BTreeMap<u64, u32>,
    /// Tenants that could not be audited, or not be exported.
    failed: usize,
}

impl Sweeper {
    /// What one tenant's audit or export meets does not keep the others from theirs, but fails the invocation.
    async fn sweep(&self, until: Timestamp) -> Result<Value, lambda_runtime::Error> {
        let mut tenants = self.fluxgate.ports.store.tenants().ids().await?;
        let mut swept = Swept::default();
        if let Some(export) = &self.export {
            let now = self.fluxgate.ports.clock.now();
            let half = now.plus_ms(until.since_ms(now) / 2);
            for tenant in export.tenants(Timestamp(now.0 - DELETED_MS)).await? {
                tell(export, &tenant, half, &mut swept).await;
            }
        }
        // Where the time is not enough for all it shall not always be the same who are left out.
        let first = self.fluxgate.ports.entropy.u64() as usize % tenants.len().max(1);
        tenants.rotate_left(first);
        let (begun, exports_failed) = (self.fluxgate.ports.clock.now(), swept.failed);
        for tenant in &tenants {
            self.audit(tenant, until, &mut swept).await;
        }
        // A recount without one tenant's tasks would free what they hold.
        if swept.failed == exports_failed {
            self.fluxgate.recount_slots(std::mem::take(&mut swept.slots), begun).await?;
        }
        if swept.failed > 0 {
            let text =
                format!("audits and exports that failed: {}, of {}", swept.failed, counted(tenants.len(), "tenant"));
            return Err(text.into());
        }
        let mut report = json!({ "tenants": tenants.len(), "live": swept.live, "stuck": swept.stuck });
        if self.export.is_some() {
            report["exported"] = swept.exported.into();
        }
        Ok(report)
    }

    async fn audit(&self, tenant: &TenantId, until: Timestamp, swept: &mut Swept) {
        match self.fluxgate.sweep(tenant, until).await {
            Ok(audit) => {
                swept.live += audit.live;
                swept.stuck += audit.stuck.len();
                audit.slots.iter().for_each(|(period, count)| *swept.slots.entry(*period).or_default() += count);
                report(tenant, &audit.stuck, audit.held_without_task);
            }
            Err(error) => swept.failed(tenant, &error, "a tenant could not be audited"),
        }
    }
}

async fn tell(export: &UsageExport, tenant: &TenantId, until: Timestamp, swept: &mut Swept) {
    match export.export(tenant, until).await {
        Ok(exported) => {
            swept.exported += exported.events;
            if exported.events > 0 {
                let (events, charged) = (exported.events, exported.charged);
                tracing::info!(tenant.id = %tenant, events, %charged, "usage was exported");
            }
            if !exported.complete {
                tracing::warn!(tenant.id = %tenant, "there is more usage to export; the next sweep goes on");
            }
        }
        Err(error) => swept.failed(tenant, &error, "a tenant's usage could not be exported"),
    }
}

impl Swept {
    fn failed(&mut self, tenant: &TenantId, error: &Error, what: &str) {
        self.failed += 1;
        tracing::error!(tenant.id = %tenant, error = error.with_causes(), "{what}");
    }
}

fn report(tenant: &TenantId, stuck: &[fluxgate_core::id::TaskId], held_without_task: MicroUsd) {
    for task in stuck {
        tracing::warn!(tenant.id = %tenant, task.id = %task, "a task was stuck and is watched again");
    }
    if held_without_task != MicroUsd::ZERO {
        tracing::error!(tenant.id = %tenant, amount = %held_without_task, "the account holds other than its live tasks do");
    }
}
