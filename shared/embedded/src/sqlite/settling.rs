//! Ends of jobs that may be written a moment later, many in one write. A crash before it only has
//! them done again, and every job may be.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fluxgate_core::Result;
use fluxgate_core::port::Lease;
use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;

use super::SqliteStore;
use super::queue::{put_job, remove_job};
use super::writer::Write;

/// How long the first of them waits for others.
const WAIT: Duration = Duration::from_millis(100);

/// How many of them do not wait for more.
const WAITING_MAX: usize = 256;

/// What becomes of a job.
pub(super) enum End {
    Done,
    /// It goes on as another, which is due then.
    Again(Job, Timestamp),
}

/// The ends that wait.
#[derive(Default)]
pub(super) struct Settling(Mutex<Vec<(Lease, End)>>);

impl Settling {
    /// Returns how many wait now.
    fn add(&self, lease: Lease, end: End) -> usize {
        let mut waiting = self.lock();
        waiting.push((lease, end));
        waiting.len()
    }

    fn take(&self) -> Vec<(Lease, End)> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Lease, End)>> {
        self.0
            .lock()
            .expect("no code panics while it holds the ends that wait")
    }
}

impl SqliteStore {
    /// Frees the job's slot and writes its end soon. Gives the end back if the lease has run out.
    pub(super) fn settle_soon(&self, lease: &Lease, end: End) -> Option<End> {
        if !self.schedule.settle(lease) {
            return Some(end);
        }
        match self.settling.add(lease.clone(), end) {
            1 => self.spawn_settling(WAIT),
            WAITING_MAX => self.spawn_settling(Duration::ZERO),
            _ => {}
        }
        None
    }

    fn spawn_settling(&self, wait: Duration) {
        let store = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Err(error) = store.write_settled().await {
                tracing::error!(
                    error = error.with_causes(),
                    "the ends of some jobs could not be written; they run again after their leases"
                );
            }
        });
    }

    /// Writes the ends of jobs that still wait to be written. Returns once that is done.
    pub async fn write_settled(&self) -> Result<()> {
        let ends = self.settling.take();
        if ends.is_empty() {
            return Ok(());
        }
        let schedule = self.schedule.clone();
        self.write_soon(move |write| {
            // A job may have been sent again, even in this very commit.
            let is_current = |write: &Write<'_>, lease: &Lease| {
                schedule.holds(lease) && !write.has_sent(&lease.handle)
            };
            let mut current: Vec<&(Lease, End)> = ends.iter().collect();
            current.retain(|(lease, _)| is_current(write, lease));
            current
                .into_iter()
                .try_for_each(|(lease, end)| settle(write, lease, end))
        })
        .await
    }
}

fn settle(write: &mut Write<'_>, lease: &Lease, end: &End) -> Result<()> {
    match end {
        End::Done => remove_job(write, lease.handle.clone()),
        End::Again(next, due) => put_job(write, next, *due, 0),
    }
}
