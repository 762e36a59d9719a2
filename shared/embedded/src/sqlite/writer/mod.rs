//! The only writer. The requests that arrive while a commit is in progress go into the next commit
//! together.

mod bulk;
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

use super::error::database;
use super::schedule::{Effect, Schedule};
use crate::pace::{Hurry, Pace, Workers};
pub(super) use bulk::Bulk;
use bulk::BulkQueue;
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
    /// `None` for a write that is written as it comes.
    bulk: Option<Bulk>,
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
        let server = Server {
            connection,
            schedule,
            counts: counts.clone(),
            outage: outage.clone(),
            workers: Workers::current(),
        };
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || server.serve(receiver))
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

    /// True if the last commit failed. A while after it a small write is tried, whose end the next
    /// one who asks is told.
    pub(super) fn is_failing(&self) -> bool {
        let commits = self.outage.look(Instant::now());
        if commits == outage::Commits::Doubted {
            self.attempt_write();
        }
        commits != outage::Commits::Succeed
    }

    /// Without waiting for its end.
    pub(super) fn attempt_write(&self) {
        let (caller, _) = oneshot::channel();
        let work = Call {
            work: |write: &mut Write<'_>| rewrite_a_row(write.connection),
            result: None,
            caller,
        };
        let request = Request {
            hurry: Hurry::Now,
            bulk: None,
            work: Box::new(work),
        };
        // With many that wait already, theirs will show it.
        drop(self.requests.try_send(request));
    }

    /// Runs `work` in a transaction and returns once it is on disk. If `work` fails, none of its
    /// writes are kept; those of other callers in the group are.
    ///
    /// `work` has no effects but its writes: it runs a second time if another of its group failed
    /// after it had written. One that carries many bytes, as `bulk` says, may be overtaken by
    /// others that were sent later.
    pub(super) async fn run<T, F>(&self, hurry: Hurry, bulk: Option<Bulk>, work: F) -> Result<T>
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
            .send(Request { hurry, bulk, work })
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// What was sent and is not written yet.
struct Inbox {
    requests: mpsc::Receiver<Request>,
    large: BulkQueue<Request>,
}

impl Inbox {
    /// Waits for a request, unless a large one waits already. False when nobody can send any more.
    fn receive(&mut self, group: &mut Vec<Request>) -> bool {
        if self.large.is_empty() {
            let Some(request) = self.requests.blocking_recv() else {
                return false;
            };
            self.sort(request, group);
        }
        self.receive_more(group);
        true
    }

    /// Takes what has come, for as long as there is room for it.
    fn receive_more(&mut self, group: &mut Vec<Request>) {
        while group.len() < GROUP_MAX
            && self.large.len() < WAITING_MAX
            && let Ok(request) = self.requests.try_recv()
        {
            self.sort(request, group);
        }
    }

    fn sort(&mut self, mut request: Request, group: &mut Vec<Request>) {
        match request.bulk.take() {
            Some(bulk) => self.large.push(bulk, request),
            None => group.push(request),
        }
    }
}

/// Commits one group after the other.
struct Server {
    connection: Connection,
    schedule: Arc<Schedule>,
    counts: Arc<Counts>,
    outage: Arc<Outage>,
    workers: Workers,
}

impl Server {
    /// While large writes wait, a group of them follows each group of the small ones that came
    /// meanwhile: so a small one waits for one group of large ones at most, and none starves.
    fn serve(&self, requests: mpsc::Receiver<Request>) {
        let large = BulkQueue::new();
        let (mut inbox, mut group) = (Inbox { requests, large }, Vec::new());
        let mut pace = Pace::of_crowds(CROWD);
        while inbox.receive(&mut group) {
            if !group.is_empty() {
                self.gather(&mut inbox, &mut group, &mut pace);
                self.write(&mut group, Some(&mut pace));
            }
            if inbox.large.take(&mut group) > 0 {
                self.write(&mut group, None);
            }
        }
    }

    /// Lets more requests join the group, for as long as its pace allows.
    fn gather(&self, inbox: &mut Inbox, group: &mut Vec<Request>, pace: &mut Pace) {
        let mut patience = pace.patience(Instant::now());
        loop {
            inbox.receive_more(group);
            match patience.next(group.len(), &self.workers) {
                Some(look) if group.len() < GROUP_MAX => std::thread::sleep(look),
                _ => break,
            }
        }
        pace.learn(&patience);
    }

    /// The pace is that of small groups: it learns nothing from others.
    fn write(&self, group: &mut Vec<Request>, pace: Option<&mut Pace>) {
        let mut effects = Vec::new();
        let began = Instant::now();
        let committed = commit(&self.connection, group, &mut effects, pace);
        match &committed {
            Ok(has_written) => {
                if *has_written {
                    self.counts.add(group.len(), began.elapsed());
                    self.outage.end();
                }
                self.schedule.apply(effects);
            }
            Err(error) => self.outage.failed(error, group.len(), Instant::now()),
        }
        let committed = committed.map(|_| ());
        for request in group.drain(..) {
            request.work.answer(&committed);
        }
    }
}

/// Every caller in a failed group gets the error of the one commit.
fn not_committed(error: &Error) -> Error {
    Error::new(error.kind, error.code, error.message.clone()).retry(error.retry)
}

/// Changes nothing, and has to be written all the same: of a row that every folder in use has.
fn rewrite_a_row(connection: &Connection) -> Result<()> {
    connection
        .execute("UPDATE encryption_check SET sealed = sealed", [])
        .map(drop)
        .map_err(database("try a write"))
}

fn stopped() -> Error {
    Error::internal("writer_stopped", "the database writer has stopped")
}
