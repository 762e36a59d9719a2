//! Reports: reads of many rows, on a few threads of their own.
//!
//! These threads have a lower priority than those that serve requests, so that a report neither
//! holds a request up nor takes the processor from it. A report is read in parts. Each is one short
//! read, in the order in which they were asked for: a report that goes on for long keeps no other
//! from its turn, and no snapshot from one part to the next.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxgate_core::{Error, Result};
use rusqlite::{Connection, Params, Row};
use tokio::sync::oneshot;

use super::connection::open_for_reading;
use super::damage::Damage;
use super::error::database;

/// Parts of reports that are read at once.
const THREADS_MAX: usize = 2;
/// A thread without work for so long ends: its connection and its memory are given back.
const IDLE_MAX: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce(Result<&Connection>) + Send>;

pub(super) struct Reports(Arc<Shared>, Arc<Damage>);

struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    has_changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

impl Reports {
    pub(super) fn new(path: PathBuf, damage: Arc<Damage>) -> Self {
        let shared = Arc::new(Shared {
            path,
            state: Mutex::default(),
            has_changed: Condvar::new(),
        });
        Self(shared, damage)
    }

    /// Reads one part. What nobody waits for any more is not read.
    pub(super) async fn read<T, F>(&self, part: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send(Box::new(move |connection| {
            if !answer.is_closed() {
                drop(answer.send(connection.and_then(part)));
            }
        }))?;
        self.1.see(answered.await.map_err(|_| failed())?)
    }

    /// Reads one part by a connection that the report keeps for itself.
    pub(super) async fn read_by<T, F>(&self, connection: Connection, part: F) -> Result<ReadBy<T>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let read = self.read(move |_| {
            let read = part(&connection);
            Ok((connection, read))
        });
        let (connection, read) = read.await?;
        Ok((connection, self.1.see(read)))
    }

    /// Opens a connection for [`Self::read_by`].
    pub(super) async fn open(&self) -> Result<Connection> {
        let path = self.0.path.clone();
        self.read(move |_| open_for_reading(&path)).await
    }

    fn send(&self, work: Work) -> Result<()> {
        let mut state = self.0.lock();
        state.waiting.push_back(work);
        if state.waiting.len() <= state.idle || state.threads >= THREADS_MAX {
            self.0.has_changed.notify_one();
            return Ok(());
        }
        let shared = self.0.clone();
        let started = std::thread::Builder::new()
            .name("reports".to_owned())
            .spawn(move || shared.serve());
        match started {
            Ok(_) => state.threads += 1,
            Err(error) if state.threads == 0 => {
                state.waiting.clear();
                return Err(failed().source(error));
            }
            // Those that there are do it.
            Err(_) => {}
        }
        Ok(())
    }
}

/// The connection again, and what was read by it.
pub(super) type ReadBy<T> = (Connection, Result<T>);

impl Shared {
    fn serve(&self) {
        lower_priority();
        let mut connection = None;
        while let Some(work) = self.next() {
            if connection.is_none() {
                match open_for_reading(&self.path) {
                    Ok(opened) => connection = Some(opened),
                    Err(error) => {
                        work(Err(error));
                        continue;
                    }
                }
            }
            let Some(open) = &connection else { continue };
            if catch_unwind(AssertUnwindSafe(|| work(Ok(open)))).is_err() {
                connection = None;
            }
        }
    }

    /// `None` when the thread is to end; then it is counted no more.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.waiting.pop_front() {
                return Some(work);
            }
            if state.is_closed {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let waited = self.has_changed.wait_timeout(state, IDLE_MAX);
            let (changed, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = changed;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.has_changed.notify_all();
    }
}

/// Every row.
pub(super) fn rows<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(params, read)?.collect())
        .map_err(database("read"))
}

/// Whoever serves requests goes first. Where that cannot be had, reports are read nevertheless.
#[cfg(target_os = "linux")]
fn lower_priority() {
    /// About a tenth of the processor while others want it.
    const NICE: i32 = 10;
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::debug!(%error, "reports have the same priority as requests");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

fn failed() -> Error {
    Error::internal("report_failed", "a report could not be read; try again")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use fluxgate_core::id::TenantId;
    use fluxgate_core::money::Account;
    use fluxgate_core::port::{AccountStore as _, SystemClock, TaskStore as _};
    use fluxgate_core::time::Timestamp;
    use futures::FutureExt as _;

    use super::super::SqliteStore;
    use super::*;

    fn reports() -> (tempfile::TempDir, Reports) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fluxgate.db");
        drop(super::super::connection::open_for_writing(&path).unwrap());
        let damage = Arc::new(Damage::of(&path));
        (folder, Reports::new(path, damage))
    }

    fn one(connection: &Connection) -> Result<i64> {
        rows(connection, "SELECT 1", [], |row| row.get(0)).map(|rows| rows[0])
    }

    #[tokio::test]
    async fn as_many_are_read_at_once_as_there_are_threads_and_the_next_waits() {
        let (_folder, reports) = reports();
        let mut held = Vec::new();
        for _ in 0..THREADS_MAX {
            let (release, released) = mpsc::channel::<()>();
            let (begin, begun) = oneshot::channel();
            let part = reports.read(move |connection| {
                begin.send(()).ok();
                released.recv().ok();
                one(connection)
            });
            let mut part = Box::pin(part);
            assert!(part.as_mut().now_or_never().is_none());
            begun.await.unwrap();
            held.push((part, release));
        }
        let mut next = Box::pin(reports.read(one));
        assert!(next.as_mut().now_or_never().is_none(), "it waits");
        assert_eq!(reports.0.lock().waiting.len(), 1);

        let (part, release) = held.pop().unwrap();
        drop(release);

        assert_eq!(part.await.unwrap(), 1);
        assert_eq!(next.await.unwrap(), 1, "another is still held");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_read_and_a_panic_ends_one_part_alone() {
        let (_folder, reports) = reports();
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let hold = |released: Arc<Mutex<mpsc::Receiver<()>>>| {
            reports.read(move |connection| {
                released.lock().unwrap().recv().ok();
                one(connection)
            })
        };
        let mut held = [hold(released.clone()), hold(released)].map(Box::pin);
        for part in &mut held {
            assert!(part.as_mut().now_or_never().is_none());
        }
        let (tell, told) = mpsc::channel();
        let mut given_up = Box::pin(reports.read(move |connection| {
            tell.send(()).ok();
            one(connection)
        }));
        assert!(given_up.as_mut().now_or_never().is_none());
        drop(given_up);

        drop(release);
        let panicked = reports.read(|_| -> Result<i64> { panic!("a part that panics") });

        assert_eq!(panicked.await.unwrap_err().code, "report_failed");
        assert_eq!(reports.read(one).await.unwrap(), 1);
        assert!(told.try_recv().is_err(), "nobody waited for it");
    }

    #[tokio::test]
    async fn while_reports_are_held_tasks_and_accounts_are_read_and_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
        let tenant = TenantId::parse("acme").unwrap();
        let (release, released) = mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let hold = |_| {
            let released = released.clone();
            let part = store.report(move |connection| {
                released.lock().unwrap().recv().ok();
                one(connection)
            });
            Box::pin(part)
        };
        let mut held: Vec<_> = (0..THREADS_MAX).map(hold).collect();
        for part in &mut held {
            assert!(part.as_mut().now_or_never().is_none());
        }
        let mut list = Box::pin(store.list(&tenant, None, 10));
        assert!(list.as_mut().now_or_never().is_none(), "a list waits");

        let account = store.account(&tenant).await.unwrap();
        let expired = store.expire_inputs(Timestamp(0), 1).await.unwrap();

        assert_eq!((account, expired), (Account::default(), 0));
        assert!(list.as_mut().now_or_never().is_none(), "it waits still");
        drop(release);
        assert_eq!(list.await.unwrap(), []);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_report_has_a_lower_priority_than_who_asked_for_it() {
        let (_folder, reports) = reports();
        let nice = || {
            let thread = rustix::thread::gettid();
            rustix::process::getpriority_process(Some(thread)).unwrap()
        };

        let of_report = reports.read(move |_| Ok(nice())).await.unwrap();

        assert!(of_report > nice(), "{of_report}");
    }
}
