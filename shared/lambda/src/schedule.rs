//! The sweeper: audits every tenant on a schedule, logs what it found, exports usage, and removes
//! what was kept long enough.

use std::time::Instant;

use fluxgate_core::app::{ExportedAll, JOB_TARGET, Removals, Retention, Sweeper, UsageExport};
use fluxgate_core::counted;
use fluxgate_core::time::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::emf;
use crate::init::InitError;

/// The time reserved at the end of an invocation for work in progress: a page of tasks, a batch for
/// the bucket.
const RESERVE_MS: i64 = 60_000;

/// Old tasks whose lines are packed and whose items are deleted at once: a second's work.
const TASKS_AT_ONCE: usize = 1_000;

/// What a scheduled invocation runs.
pub struct Schedule {
    pub(crate) sweeper: Sweeper,
    pub(crate) retention: Retention,
    /// `None`: usage is not exported.
    pub(crate) export: Option<UsageExport>,
}

/// Sweeps on each scheduled event, until the platform ends the process.
pub async fn serve(schedule: Schedule) -> Result<(), InitError> {
    let schedule = &schedule;
    let handle = |event: LambdaEvent<Value>| async move {
        let started = Instant::now();
        let ends = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let swept = schedule
            .sweep(Timestamp(ends.saturating_sub(RESERVE_MS)))
            .await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = if swept.is_ok() { "done" } else { "failed" };
        tracing::info!(target: JOB_TARGET, { job = "sweep", outcome, duration_ms }, "job");
        emf::flush();
        swept
    };
    Ok(lambda_runtime::run(service_fn(handle)).await?)
}

impl Schedule {
    /// An error in one tenant's audit or export does not stop the other tenants', but fails the
    /// invocation.
    async fn sweep(&self, until: Timestamp) -> Result<Value, lambda_runtime::Error> {
        if let Some(awaiting) = self.sweeper.awaiting().await? {
            tracing::warn!(
                ?awaiting,
                "nothing was swept: the table was restored from a backup, and 'fluxgate restoration start' has not seen to it"
            );
            return Ok(json!({ "awaits_restoration": true }));
        }
        let exported = match &self.export {
            Some(export) => Some(export.export_all(until).await?),
            None => None,
        };
        let swept = self.sweeper.sweep_all(until).await?;
        self.sweeper.fill_days(until).await?;
        let Removals {
            removed,
            keys,
            failed,
            ..
        } = self.retention.remove_until(until, TASKS_AT_ONCE).await?;
        let failed = failed + swept.failed + exported.map_or(0, |exported| exported.failed);
        if failed > 0 {
            return Err(format!(
                "audits, exports and removals that failed: {failed}, of {}",
                counted(swept.tenants, "tenant")
            )
            .into());
        }
        let mut report =
            json!({ "tenants": swept.tenants, "live": swept.live, "stuck": swept.stuck });
        if removed > 0 {
            report["removed"] = removed.into();
        }
        if keys > 0 {
            report["input_keys_removed"] = keys.into();
        }
        if let Some(ExportedAll { events, .. }) = exported {
            report["exported"] = events.into();
        }
        Ok(report)
    }
}
