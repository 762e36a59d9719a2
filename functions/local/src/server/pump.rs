//! The queue's consumers: poller, archiver and notifier side by side, each with its own bound.

use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::app::{Worker as _, Workers, job_span};
use fluxgate_core::port::Lease;
use fluxgate_core::task::Lane;
use fluxgate_embedded::sqlite::in_hand_max;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

/// Jobs per receive.
const RECEIVE_MAX: usize = 32;
/// Pause after an error of the queue itself.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Pump {
    stop: watch::Sender<bool>,
    lanes: JoinSet<()>,
}

impl Pump {
    pub(super) fn start(workers: &Arc<Workers>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut lanes = JoinSet::new();
        for lane in Lane::ALL {
            lanes.spawn(consume(workers.clone(), lane, stopped.clone()));
        }
        Self { stop, lanes }
    }

    /// Stops taking jobs and waits for those in progress. Jobs that do not finish in time are
    /// received again after the next start.
    pub(super) async fn stop(mut self, deadline: Instant) {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout_at(deadline, async {
            while self.lanes.join_next().await.is_some() {}
        })
        .await;
        if ended.is_err() {
            tracing::warn!("some jobs did not finish in time; they run again after the next start");
        }
    }
}

async fn consume(workers: Arc<Workers>, lane: Lane, mut stopped: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(in_hand_max(lane)));
    let mut in_hand = JoinSet::new();
    loop {
        let received = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            received = receive(&workers, lane, &permits) => received,
        };
        for (lease, permit) in received {
            let workers = workers.clone();
            in_hand.spawn(async move {
                let span = job_span(lane);
                work(&workers, lease).instrument(span).await;
                drop(permit);
            });
        }
        while in_hand.try_join_next().is_some() {}
    }
    while in_hand.join_next().await.is_some() {}
}

/// Receives jobs, each with a reserved place. A job received without a place would only use up its
/// lease.
async fn receive(
    workers: &Workers,
    lane: Lane,
    permits: &Arc<Semaphore>,
) -> Vec<(Lease, OwnedSemaphorePermit)> {
    let Ok(first) = permits.clone().acquire_owned().await else {
        return Vec::new();
    };
    let mut room = vec![first];
    room.extend(
        std::iter::from_fn(|| permits.clone().try_acquire_owned().ok()).take(RECEIVE_MAX - 1),
    );
    match workers.receive(lane, room.len()).await {
        Ok(leases) => leases.into_iter().zip(room).collect(),
        Err(error) => {
            tracing::error!(
                lane = lane.as_str(),
                error = error.with_causes(),
                "cannot receive jobs from the queue; will retry"
            );
            tokio::time::sleep(PAUSE).await;
            Vec::new()
        }
    }
}

/// One job.
async fn work(workers: &Workers, lease: Lease) {
    if let Err(error) = workers.work_safely(&lease).await {
        tracing::error!(
            lane = lease.job.lane().as_str(),
            error = error.with_causes(),
            "a job could not be settled; it runs again after its lease"
        );
    }
}
