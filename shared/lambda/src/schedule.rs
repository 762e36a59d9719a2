//! The sweeper: looks over every tenant now and then, says what it found, and exports usage.

use fluxgate_core::app::{ExportedAll, Sweeper, UsageExport};
use fluxgate_core::counted;
use fluxgate_core::time::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::emf;
use crate::init::InitError;

/// The end of an invocation that is left for what is under way: a page of tasks, a batch into the
/// bucket.
const RESERVE_MS: i64 = 60_000;

/// What the schedule wakes.
pub struct Schedule {
    pub(crate) sweeper: Sweeper,
    /// `None`: usage is not exported.
    pub(crate) export: Option<UsageExport>,
}

/// Sweeps whenever the schedule says so, until the platform ends the process.
pub async fn serve(schedule: Schedule) -> Result<(), InitError> {
    let schedule = &schedule;
    let handle = |event: LambdaEvent<Value>| async move {
        let ends = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let swept = schedule
            .sweep(Timestamp(ends.saturating_sub(RESERVE_MS)))
            .await;
        emf::flush();
        swept
    };
    Ok(lambda_runtime::run(service_fn(handle)).await?)
}

impl Schedule {
    /// What one tenant's audit or export meets does not keep the others from theirs, but fails the
    /// invocation.
    async fn sweep(&self, until: Timestamp) -> Result<Value, lambda_runtime::Error> {
        let exported = match &self.export {
            Some(export) => Some(export.export_all(until).await?),
            None => None,
        };
        let swept = self.sweeper.sweep_all(until).await?;
        let failed = swept.failed + exported.map_or(0, |exported| exported.failed);
        if failed > 0 {
            return Err(format!(
                "audits and exports that failed: {failed}, of {}",
                counted(swept.tenants, "tenant")
            )
            .into());
        }
        let mut report =
            json!({ "tenants": swept.tenants, "live": swept.live, "stuck": swept.stuck });
        if let Some(ExportedAll { events, .. }) = exported {
            report["exported"] = events.into();
        }
        Ok(report)
    }
}
