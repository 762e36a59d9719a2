//! The sweeper: looks over every tenant now and then, and says what it found.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxgate_core::flow::Fluxgate;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::emf;
use crate::init::InitError;

/// Sweeps whenever the schedule says so, until the platform ends the process.
pub async fn serve(fluxgate: Arc<Fluxgate>) -> Result<(), InitError> {
    let fluxgate = &fluxgate;
    let handle = |_: LambdaEvent<Value>| async move {
        let swept = sweep(fluxgate).await;
        emf::flush();
        swept
    };
    Ok(lambda_runtime::run(service_fn(handle)).await?)
}

/// Audits every tenant. What one tenant's audit meets does not keep the others from theirs, but fails the invocation.
async fn sweep(fluxgate: &Fluxgate) -> Result<Value, lambda_runtime::Error> {
    let begun = fluxgate.ports.clock.now();
    let tenants = fluxgate.ports.tenants.list().await?;
    let (mut live, mut stuck, mut failed, mut slots) = (0, 0, 0, BTreeMap::new());
    for tenant in &tenants {
        match fluxgate.audit(&tenant.id).await {
            Ok(audit) => {
                live += audit.live;
                stuck += audit.stuck.len();
                audit.slots.iter().for_each(|(period, count)| *slots.entry(*period).or_default() += count);
                report(&tenant.id, &audit.stuck, audit.held_without_task);
            }
            Err(error) => {
                failed += 1;
                tracing::error!(tenant.id = %tenant.id, error = error.with_causes(), "a tenant could not be audited");
            }
        }
    }
    if failed > 0 {
        return Err(format!("{failed} of {} tenants could not be audited", tenants.len()).into());
    }
    fluxgate.recount_slots(slots, begun).await?;
    Ok(json!({ "tenants": tenants.len(), "live": live, "stuck": stuck }))
}

fn report(tenant: &TenantId, stuck: &[fluxgate_core::id::TaskId], held_without_task: MicroUsd) {
    for task in stuck {
        tracing::warn!(tenant.id = %tenant, task.id = %task, "a task was stuck and is watched again");
    }
    if held_without_task != MicroUsd::ZERO {
        tracing::error!(tenant.id = %tenant, amount = %held_without_task, "the account holds other than its live tasks do");
    }
}
