//! What a start looks for: tasks that nobody moves, whatever kept them. It goes on beside the serving, which does not wait for it.

use std::sync::Arc;

use fluxgate_core::Result;
use fluxgate_core::app::Fluxgate;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::time::Timestamp;

/// What one tenant's look meets keeps no other from its own.
pub(super) async fn recover(fluxgate: Arc<Fluxgate>) {
    let tenants = match fluxgate.ports.store.tenants().ids().await {
        Ok(tenants) => tenants,
        Err(error) => {
            tracing::error!(
                error = error.with_causes(),
                "the tenants cannot be listed; stuck tasks wait for the next start"
            );
            return;
        }
    };
    for tenant in tenants {
        if let Err(error) = recover_tenant(&fluxgate, &tenant).await {
            let error = error.with_causes();
            tracing::error!(tenant.id = %tenant, error, "a tenant's tasks could not be looked over; the next start will");
        }
    }
}

async fn recover_tenant(fluxgate: &Fluxgate, tenant: &TenantId) -> Result<()> {
    let audit = fluxgate.sweep(tenant, Timestamp(i64::MAX)).await?;
    for task in &audit.stuck {
        tracing::warn!(tenant.id = %tenant, task.id = %task, "a task was stuck and is watched again");
    }
    if audit.held_without_task != MicroUsd::ZERO {
        tracing::error!(tenant.id = %tenant, amount = %audit.held_without_task, "the account holds other than its live tasks do");
    }
    fluxgate.archive_again(tenant, &audit.archiving).await
}
