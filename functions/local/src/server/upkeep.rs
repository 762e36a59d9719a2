//! What a server does beside its work: at its start it finds what nobody moves, and then it removes
//! by the hour what has been kept long enough.

use std::time::{Duration, Instant};

use fluxgate_core::Result;
use fluxgate_core::app::{Alerter, Expiring, RemovalPass, Retention, Sweeper};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::time::Timestamp;

const DAY_MS: u64 = 86_400_000;
const EXPIRY: Duration = Duration::from_secs(3_600);
/// However many tasks end meanwhile, each tenant's money is looked at once.
const TELLING: Duration = Duration::from_millis(250);
/// How often a drill is asked whether it is over.
const SEEN_TO_LOOK: Duration = Duration::from_secs(1);
/// Tasks removed by one write: some 200 rows.
const TASKS_AT_ONCE: usize = 32;
/// Of the time that removing takes, so many parts are left to others, and this much at least.
const REST_TIMES: u32 = 9;
const REST_MIN: Duration = Duration::from_millis(5);

/// Goes on until it is dropped.
pub(super) async fn recover_and_keep_up(sweeper: Sweeper, retention: Retention) {
    until_seen_to(&sweeper).await;
    sweeper.recover().await;
    let mut ticks = tokio::time::interval(EXPIRY);
    let mut unexported = None;
    loop {
        ticks.tick().await;
        for what in Expiring::ALL {
            tell(what.as_str(), expire(&retention, what).await);
        }
        if let Err(error) = sweeper.fill_days(Timestamp(i64::MAX)).await {
            let error = error.with_causes();
            tracing::error!(
                error,
                "could not add up the days before this release; tried again in an hour"
            );
        }
        tell("old tasks", remove_tasks(&retention, &mut unexported).await);
    }
}

/// What a drill shows stays as it was at the backup.
async fn until_seen_to(sweeper: &Sweeper) {
    while !matches!(sweeper.awaiting().await, Ok(None)) {
        tokio::time::sleep(SEEN_TO_LOOK).await;
    }
}

async fn expire(retention: &Retention, what: Expiring) -> Result<usize> {
    let mut removed = 0;
    loop {
        match rested(retention.expire(what)).await? {
            0 => return Ok(removed),
            some => removed += some,
        }
    }
}

/// All tenants' once a day and at a start; in between those of tenants that waited for an export of
/// usage.
async fn remove_tasks(
    retention: &Retention,
    unexported: &mut Option<Vec<TenantId>>,
) -> Result<usize> {
    let mut pass = match (retention.due().await?, unexported.as_ref()) {
        (Some(pass), _) => pass,
        (None, None) => retention.pass().await?,
        (None, Some(tenants)) if tenants.is_empty() => return Ok(0),
        (None, Some(tenants)) => retention.pass_over(tenants.clone()),
    };
    while rested(step(retention, &mut pass)).await? {}
    *unexported = Some(pass.unexported);
    tell(
        "inputs and callback URLs of tasks that stay",
        Ok(pass.done.inputs),
    );
    tell("keys of months whose inputs are gone", Ok(pass.done.keys));
    Ok(pass.done.removed)
}

async fn step(retention: &Retention, pass: &mut RemovalPass) -> Result<bool> {
    retention.go_on(pass, TASKS_AT_ONCE).await
}

/// A step, and a rest in which those who wait for the writer have their turns.
async fn rested<T>(step: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = step.await;
    tokio::time::sleep((begun.elapsed() * REST_TIMES).max(REST_MIN)).await;
    done
}

/// Says so where tasks are kept longer than was asked for.
pub(super) fn tell_longer_kept(bounds: &Bounds) {
    let (asked_ms, needed_ms) = (bounds.tasks_kept_ms, bounds.tasks_needed_ms());
    if asked_ms < needed_ms {
        tracing::warn!(
            tasks_kept_ms = asked_ms,
            in_effect_ms = needed_ms,
            in_effect_days = needed_ms / DAY_MS,
            "tasks are kept longer than 'tasks_kept_ms' says: as long as one may live, and then as long as deliveries, batches, \
             idempotency keys or the running month may name it"
        );
    }
}

/// Goes on until it is dropped; what is noted then is found by the sweep at the next start.
pub(super) async fn keep_telling(alerter: Alerter) {
    let mut ticks = tokio::time::interval(TELLING);
    loop {
        ticks.tick().await;
        alerter.tell_noted().await;
    }
}

fn tell(what: &str, removed: Result<usize>) {
    match removed {
        Ok(0) => {}
        Ok(count) => tracing::info!(what, count, "removed what was kept long enough"),
        Err(error) => {
            let error = error.with_causes();
            tracing::error!(
                what,
                error,
                "could not remove what was kept long enough; tried again in an hour"
            );
        }
    }
}
