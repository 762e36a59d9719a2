//! What a server does beside its work: at its start it finds what nobody moves, and then it removes
//! by the hour what has been kept long enough.

use std::time::Duration;

use fluxgate_core::Result;
use fluxgate_core::app::Sweeper;

const EXPIRY: Duration = Duration::from_secs(3_600);

/// Goes on until it is dropped.
pub(super) async fn recover_and_keep_up(sweeper: Sweeper) {
    sweeper.recover().await;
    let mut ticks = tokio::time::interval(EXPIRY);
    loop {
        ticks.tick().await;
        tell("old deliveries", sweeper.expire_deliveries().await);
        tell("inputs of failed tasks", sweeper.expire_inputs().await);
        tell("old batches", sweeper.expire_batches().await);
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
