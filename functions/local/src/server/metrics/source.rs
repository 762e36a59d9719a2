//! Where the figures come from that nobody counts as they happen: the store and the buckets.

use std::time::Duration;

use anyhow::Result;
use fluxgate_core::metric;
use fluxgate_core::series::{self, model_label};
use fluxgate_core::task::State;
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::objects::Objects;
use fluxgate_embedded::sqlite::Measures;
use metrics::{counter, gauge};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::own;

/// However many ask, the store is read once in this time.
const FRESH: Duration = Duration::from_secs(5);
/// A scrape waits no longer for the store: it is answered with the figures of before.
const READ_MAX: Duration = Duration::from_secs(2);

pub(super) struct Source {
    store: SqliteStore,
    objects: Objects,
    read_at: Mutex<Option<Instant>>,
}

impl Source {
    pub(super) fn new(store: SqliteStore, objects: Objects) -> Self {
        Self {
            store,
            objects,
            read_at: Mutex::default(),
        }
    }

    /// From here on the core counts how they move from state to state.
    pub(super) async fn count_live_tasks(&self) -> Result<()> {
        let is_live = |state: &&State| !state.is_end();
        let live = self.store.live_tasks().await?;
        for of_one in &live {
            let model = model_label(&of_one.model);
            for state in State::ALL.iter().filter(is_live) {
                series::TASKS.gauge(&[state.as_str(), model]).set(0.0);
            }
        }
        for of_one in live {
            let mut states = State::ALL.iter().filter(is_live);
            // The others have ended, and their end is not announced yet.
            if let Some(state) = states.find(|state| state.as_str() == of_one.state) {
                let gauge = series::TASKS.gauge(&[state.as_str(), model_label(&of_one.model)]);
                gauge.increment(f64::from(of_one.tasks));
            }
        }
        Ok(())
    }

    /// How long commits took together.
    pub(super) fn commit_seconds(&self) -> f64 {
        self.store.committed().took.as_secs_f64()
    }

    /// Brings the figures up to date.
    pub(super) async fn refresh(&self) {
        let commits = self.store.committed();
        counter!(own::COMMITS).absolute(commits.commits);
        counter!(own::COMMIT_REQUESTS).absolute(commits.requests);
        counter!(own::OBJECT_SYNCS).absolute(self.objects.syncs());
        counter!(own::OBJECT_BYTES).absolute(self.objects.bytes_written());
        gauge!(own::WRITES_FAIL).set(f64::from(u8::from(self.store.is_failing())));
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|read_at| read_at.elapsed() < FRESH) {
            return;
        }
        match timeout(READ_MAX, self.store.measures()).await {
            Ok(Ok(measures)) => publish(&measures),
            Ok(Err(error)) => {
                let error = error.with_causes();
                tracing::warn!(
                    error,
                    "could not read the queue and the accounts for /metrics; their figures are those of before"
                );
            }
            Err(_) => {
                tracing::warn!(
                    "reading the queue and the accounts for /metrics takes too long; their figures are those of before"
                );
            }
        }
        *read_at = Some(Instant::now());
    }
}

/// Amounts over 2^53 lose their last digits.
fn publish(measures: &Measures) {
    for of_lane in &measures.lanes {
        let lane = of_lane.lane.as_str();
        gauge!(own::QUEUE_JOBS, "lane" => lane).set(f64::from(of_lane.jobs));
        gauge!(own::QUEUE_DUE, "lane" => lane).set(f64::from(of_lane.due));
        let age = of_lane.oldest_due_ms as f64 / 1_000.0;
        gauge!(own::QUEUE_AGE, "lane" => lane).set(age);
        gauge!(own::DEAD_LETTERS, "lane" => lane).set(f64::from(of_lane.dead_letters));
    }
    gauge!(own::ACCOUNTS).set(f64::from(measures.accounts));
    gauge!(own::AVAILABLE).set(measures.available.0 as f64);
    gauge!(metric::HELD.name).set(measures.held.0 as f64);
    gauge!(own::IN_FLIGHT).set(f64::from(measures.in_flight));
}
