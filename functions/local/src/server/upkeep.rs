//! What a server does beside its work: at its start it finds what nobody moves, and then it removes
//! by the hour what has been kept long enough.

use std::time::Duration;

use fluxgate_core::app::Sweeper;

const EXPIRY: Duration = Duration::from_secs(3_600);

/// Goes on until it is dropped.
pub(super) async fn recover_and_keep_up(sweeper: Sweeper) {
    sweeper.recover().await;
    let mut ticks = tokio::time::interval(EXPIRY);
    loop {
        ticks.tick().await;
        match sweeper.expire_deliveries().await {
            Ok(0) => {}
            Ok(deliveries) => tracing::info!(deliveries, "old deliveries removed"),
            Err(error) => {
                let error = error.with_causes();
                tracing::error!(
                    error,
                    "could not remove old deliveries; tried again in an hour"
                );
            }
        }
        match sweeper.expire_batches().await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "old batches removed"),
            Err(error) => {
                let error = error.with_causes();
                tracing::error!(
                    error,
                    "could not remove old batches; tried again in an hour"
                );
            }
        }
    }
}
