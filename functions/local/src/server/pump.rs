//! The queue's consumers: poller, archiver and notifier side by side, each with its own bound.

use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::Error;
use fluxgate_core::app::{JobProgress, Worker as _, Workers, job_span, job_worked};
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
    let mut is_failing = Failing::default();
    loop {
        let received = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            received = receive(&workers, lane, &permits, &mut is_failing) => received,
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
    is_failing: &mut Failing,
) -> Vec<(Lease, OwnedSemaphorePermit)> {
    let Ok(first) = permits.clone().acquire_owned().await else {
        return Vec::new();
    };
    let mut room = vec![first];
    room.extend(
        std::iter::from_fn(|| permits.clone().try_acquire_owned().ok()).take(RECEIVE_MAX - 1),
    );
    match workers.receive(lane, room.len()).await {
        Ok(leases) => {
            is_failing.succeeded(lane);
            leases.into_iter().zip(room).collect()
        }
        Err(error) => {
            is_failing.failed(lane, &error);
            tokio::time::sleep(PAUSE).await;
            Vec::new()
        }
    }
}

/// Whether a lane's last receive failed: told of when it changes, and not each time.
#[derive(Default)]
struct Failing(bool);

impl Failing {
    fn failed(&mut self, lane: Lane, error: &Error) {
        let (lane, error) = (lane.as_str(), error.with_causes());
        if std::mem::replace(&mut self.0, true) {
            tracing::debug!(lane, error, "jobs cannot be received from the queue");
            return;
        }
        tracing::error!(
            lane,
            error,
            "jobs cannot be received from the queue; told of once until they can"
        );
    }

    fn succeeded(&mut self, lane: Lane) {
        if std::mem::take(&mut self.0) {
            let lane = lane.as_str();
            tracing::info!(lane, "jobs can be received from the queue again");
        }
    }
}

/// One job.
async fn work(workers: &Workers, lease: Lease) {
    let started = Instant::now();
    let worked = workers.work_safely(&lease).await;
    let progress = worked.unwrap_or_else(|error| {
        tracing::error!(
            error = error.with_causes(),
            "a job could not be settled; it runs again after its lease"
        );
        JobProgress::Made
    });
    job_worked(
        progress,
        u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    );
}
