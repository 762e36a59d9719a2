//! The only writer. The requests that arrive while a commit is in progress go into the next commit
//! together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fluxgate_core::{Error, Result};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::error::database;
use super::schedule::{Effect, Schedule};

/// Requests that may queue for the writer before callers have to wait.
const WAITING_MAX: usize = 4096;
/// Requests in one commit.
const GROUP_MAX: usize = 512;

/// How long a group without urgent requests waits for more: this many steps of this length.
const PATIENCE_STEPS: usize = 8;
const PATIENCE_STEP: Duration = Duration::from_micros(250);

/// Whether a caller waits for the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hurry {
    /// A tenant's request: goes into the next commit.
    Now,
    /// A background step: goes into the next commit, or waits up to two milliseconds for others.
    /// Many in one commit cost as much as one.
    Soon,
}

struct Request {
    hurry: Hurry,
    work: Work,
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
        let of_job = |effect: &&Effect| effect.key() == job;
        self.effects
            .iter()
            .rev()
            .find(of_job)
            .is_some_and(|last| matches!(last, Effect::Due { .. }))
    }
}

type Reply = Box<dyn FnOnce(Result<(), Arc<Error>>) + Send>;
/// Returns whether to keep its writes, and how to answer once the group's commit is decided.
type Work = Box<dyn FnOnce(&mut Write<'_>) -> (bool, Reply) + Send>;

pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(connection: Connection, schedule: Arc<Schedule>) -> Result<Self> {
        let (requests, receiver) = mpsc::channel(WAITING_MAX);
        let commits = Arc::new(AtomicU64::new(0));
        let counter = commits.clone();
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || serve(&connection, receiver, &schedule, &counter))
            .map_err(|error| {
                Error::internal("thread", "the writer thread cannot be started").source(error)
            })?;
        Ok(Self { requests, commits })
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Runs `work` in a transaction and returns once it is on disk. If `work` fails, none of its
    /// writes are kept; those of other callers in the group are.
    pub(super) async fn run<T, F>(&self, hurry: Hurry, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Write<'_>) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let boxed: Work = Box::new(move |write| {
            let result = work(write);
            let keep = result.is_ok();
            let reply: Reply = Box::new(move |committed| {
                let answer = match committed {
                    Ok(()) => result,
                    Err(error) => result.and(Err(not_committed(&error))),
                };
                // The caller may have gone; its work is done all the same.
                drop(sender.send(answer));
            });
            (keep, reply)
        });
        self.requests
            .send(Request { hurry, work: boxed })
            .await
            .map_err(|_| stopped())?;
        receiver.await.map_err(|_| stopped())?
    }
}

fn serve(
    connection: &Connection,
    mut requests: mpsc::Receiver<Request>,
    schedule: &Schedule,
    commits: &AtomicU64,
) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while requests.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        gather(&mut requests, &mut group);
        let mut effects = Vec::new();
        let mut replies = Vec::with_capacity(group.len());
        let outcome = commit_group(connection, &mut group, &mut effects, &mut replies);
        match &outcome {
            Ok(()) => {
                commits.fetch_add(1, Ordering::Relaxed);
                schedule.apply(effects);
            }
            Err(error) => tracing::error!(
                error = error.with_causes(),
                requests = replies.len(),
                "a commit failed and was rolled back; its callers got an error"
            ),
        }
        let outcome = outcome.map_err(Arc::new);
        replies.into_iter().for_each(|reply| reply(outcome.clone()));
        group.clear();
    }
}

/// Waits for more requests while none in the group is urgent.
fn gather(requests: &mut mpsc::Receiver<Request>, group: &mut Vec<Request>) {
    for _ in 0..PATIENCE_STEPS {
        if group.len() >= GROUP_MAX || group.iter().any(|request| request.hurry == Hurry::Now) {
            return;
        }
        std::thread::sleep(PATIENCE_STEP);
        while let Ok(request) = requests.try_recv() {
            group.push(request);
        }
    }
}

/// One transaction for the whole group, a savepoint for each request.
fn commit_group(
    connection: &Connection,
    group: &mut Vec<Request>,
    effects: &mut Vec<Effect>,
    replies: &mut Vec<Reply>,
) -> Result<()> {
    let run = |sql: &str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.raw_execute())
            .map_err(database("write"))
    };
    let begun = run("BEGIN IMMEDIATE");
    for Request { work, .. } in group.drain(..) {
        let before = effects.len();
        // Without a transaction, or after SQLite rolled it back by itself, the savepoint opens one
        // that is never committed.
        let in_group = begun.is_ok() && !connection.is_autocommit();
        let contained = run("SAVEPOINT request").is_ok();
        let (keep, reply) = work(&mut Write {
            connection,
            effects,
        });
        replies.push(reply);
        if !(in_group && contained && keep) {
            effects.truncate(before);
            drop(run("ROLLBACK TO request"));
        }
        drop(run("RELEASE request"));
    }
    let outcome = begun.and_then(|_| run("COMMIT")).map(|_| ());
    if !connection.is_autocommit() {
        drop(run("ROLLBACK"));
    }
    outcome
}

/// Every caller in a failed group gets the error of the one commit.
fn not_committed(error: &Error) -> Error {
    Error::internal(error.code, error.message.clone()).retry(error.retry)
}

fn stopped() -> Error {
    Error::internal("writer_stopped", "the database writer has stopped")
}
