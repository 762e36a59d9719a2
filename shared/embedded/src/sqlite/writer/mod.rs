//! The only writer. The requests that arrive while a commit is in progress go into the next commit
//! together.

mod group;
#[cfg(test)]
mod group_tests;
mod outage;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fluxgate_core::{Error, Result};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::schedule::{Effect, Schedule};
use crate::pace::{Hurry, Pace, Workers};
use group::{Committed, commit};
use outage::Outage;

/// Requests that may queue for the writer before callers have to wait.
const WAITING_MAX: usize = 4096;
/// A lone caller, who waits for each of its own commits, never makes two of them.
const CROWD: f64 = 2.0;
/// Requests in one commit.
const GROUP_MAX: usize = 512;

/// What was committed since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commits {
    /// Transactions; each is one fsync of the write-ahead log.
    pub commits: u64,
    /// Writes in them: a group shares one transaction.
    pub requests: u64,
    pub took: Duration,
}

/// What a request may use: the open transaction, and effects in memory that apply once it is
/// durable.
pub(super) struct Write<'a> {
    pub(super) connection: &'a Connection,
    effects: &'a mut Vec<Effect>,
}

impl Write<'_> {
    /// Applied to the schedule after the commit, and only then.
    pub(super) fn after_commit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// True if an earlier request in this same commit sent the job with this key: the schedule does
    /// not know it yet.
    pub(super) fn has_sent(&self, job: &str) -> bool {
        let of_job = |effect: &&Effect| effect.key() == Some(job);
        self.effects
            .iter()
            .rev()
            .find(of_job)
            .is_some_and(|last| matches!(last, Effect::Due { .. }))
    }
}

struct Request {
    hurry: Hurry,
    work: Box<dyn Work>,
}

/// What a caller has written, and how it is answered.
trait Work: Send {
    /// It may run twice, the second time after all was rolled back. The error is a copy of the
    /// caller's.
    fn run(&mut self, write: &mut Write<'_>) -> Result<()>;

    /// Once the group's commit is decided.
    fn answer(self: Box<Self>, committed: &Committed);
}

struct Call<T, F> {
    work: F,
    /// Of the last run.
    result: Option<Result<T>>,
    caller: oneshot::Sender<Result<T>>,
}

impl<T, F> Work for Call<T, F>
where
    T: Send,
    F: FnMut(&mut Write<'_>) -> Result<T> + Send,
{
    fn run(&mut self, write: &mut Write<'_>) -> Result<()> {
        match self.result.insert((self.work)(write)) {
            Ok(_) => Ok(()),
            Err(error) => Err(not_committed(error)),
        }
    }

    fn answer(self: Box<Self>, committed: &Committed) {
        let answer = match (self.result, committed) {
            (Some(result), Ok(())) => result,
            (Some(Err(own)), Err(_)) => Err(own),
            (_, Err(error)) => Err(not_committed(error)),
            // A group that is committed has run whole.
            (None, Ok(())) => Err(stopped()),
        };
        // The caller may have gone; its work is done all the same.
        drop(self.caller.send(answer));
    }
}

/// What was committed since the start.
#[derive(Default)]
struct Counts {
    commits: AtomicU64,
    requests: AtomicU64,
    /// How long it took, gathering apart.
    micros: AtomicU64,
}

impl Counts {
    fn add(&self, requests: usize, took: Duration) {
        let requests = u64::try_from(requests).unwrap_or(u64::MAX);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    counts: Arc<Counts>,
    outage: Arc<Outage>,
}

impl Writer {
    pub(super) fn start(connection: Connection, schedule: Arc<Schedule>) -> Result<Self> {
        let (requests, receiver) = mpsc::channel(WAITING_MAX);
        let counts = Arc::<Counts>::default();
        let outage = Arc::<Outage>::default();
        let workers = Workers::current();
        let (counter, noted) = (counts.clone(), outage.clone());
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                serve(
                    &connection,
                    (receiver, &workers),
                    &schedule,
                    &counter,
                    &noted,
                )
            })
            .map_err(|error| {
                Error::internal("thread", "the writer thread cannot be started").source(error)
            })?;
        Ok(Self {
            requests,
            counts,
            outage,
        })
    }

    pub(super) fn committed(&self) -> Commits {
        let counts = &self.counts;
        Commits {
            commits: counts.commits.load(Ordering::Relaxed),
            requests: counts.requests.load(Ordering::Relaxed),
            took: Duration::from_micros(counts.micros.load(Ordering::Relaxed)),
        }
    }

    /// True if the last commit failed, a moment ago.
    pub(super) fn is_failing(&self) -> bool {
        self.outage.is_recent(Instant::now())
    }

    /// Runs `work` in a transaction and returns once it is on disk. If `work` fails, none of its
    /// writes are kept; those of other callers in the group are.
    ///
    /// `work` has no effects but its writes: it runs a second time if another of its group failed
    /// after it had written.
    pub(super) async fn run<T, F>(&self, hurry: Hurry, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let work = Box::new(Call {
            work,
            result: None,
            caller,
        });
        self.requests
            .send(Request { hurry, work })
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

fn serve(
    connection: &Connection,
    (mut requests, workers): (mpsc::Receiver<Request>, &Workers),
    schedule: &Schedule,
    counts: &Counts,
    outage: &Outage,
) {
    let mut group = Vec::new();
    let mut pace = Pace::of_crowds(CROWD);
    while requests.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        gather((&mut requests, workers), &mut group, &mut pace);
        let mut effects = Vec::new();
        let began = Instant::now();
        let committed = commit(connection, &mut group, &mut effects, &mut pace);
        match &committed {
            Ok(has_written) => {
                if *has_written {
                    counts.add(group.len(), began.elapsed());
                    outage.end();
                }
                schedule.apply(effects);
            }
            Err(error) => outage.failed(error, group.len(), Instant::now()),
        }
        let committed = committed.map(|_| ());
        for request in group.drain(..) {
            request.work.answer(&committed);
        }
    }
}

/// Lets more requests join the group, for as long as its pace allows.
fn gather(
    (requests, workers): (&mut mpsc::Receiver<Request>, &Workers),
    group: &mut Vec<Request>,
    pace: &mut Pace,
) {
    let mut patience = pace.patience(Instant::now());
    loop {
        while group.len() < GROUP_MAX
            && let Ok(request) = requests.try_recv()
        {
            group.push(request);
        }
        match patience.next(group.len(), workers) {
            Some(look) if group.len() < GROUP_MAX => std::thread::sleep(look),
            _ => break,
        }
    }
    pace.learn(&patience);
}

/// Every caller in a failed group gets the error of the one commit.
fn not_committed(error: &Error) -> Error {
    Error::new(error.kind, error.code, error.message.clone()).retry(error.retry)
}

fn stopped() -> Error {
    Error::internal("writer_stopped", "the database writer has stopped")
}
