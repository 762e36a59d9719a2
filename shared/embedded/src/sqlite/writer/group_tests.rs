//! Groups in which one fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use fluxgate_core::port::{Queue as _, SystemClock};
use fluxgate_core::task::{Job, Lane};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use rusqlite::params;
use tokio::task::JoinHandle;

use super::{Bulk, Write};
use crate::sqlite::queue::put_job;
use crate::sqlite::{SqliteStore, error};

/// A store whose writer is busy until it is told to go on, so that what is written meanwhile is one
/// group.
struct Held {
    store: SqliteStore,
    go_on: mpsc::Sender<()>,
    first: JoinHandle<Result<()>>,
    folder: tempfile::TempDir,
}

impl Held {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
        let (go_on, waits) = mpsc::channel();
        let (has_begun, begun) = tokio::sync::oneshot::channel();
        let mut has_begun = Some(has_begun);
        let first = store.clone();
        let first = tokio::spawn(async move {
            let wait = move |_: &mut Write<'_>| {
                has_begun.take().map(|begun| begun.send(()));
                let _ended = waits.recv();
                Ok(())
            };
            first.write(wait).await
        });
        begun.await.unwrap();
        Self {
            store,
            go_on,
            first,
            folder,
        }
    }

    /// Queues a write behind those before it.
    async fn queue(
        &self,
        work: impl FnMut(&mut Write<'_>) -> Result<()> + Send + 'static,
    ) -> JoinHandle<Result<()>> {
        self.queue_bulk(None, work).await
    }

    async fn queue_bulk(
        &self,
        bulk: Option<Bulk>,
        work: impl FnMut(&mut Write<'_>) -> Result<()> + Send + 'static,
    ) -> JoinHandle<Result<()>> {
        let requests = &self.store.writer.as_ref().unwrap().requests;
        let before = requests.capacity();
        let store = self.store.clone();
        let queued = tokio::spawn(async move { store.write_bulk(bulk, work).await });
        while requests.capacity() == before {
            tokio::task::yield_now().await;
        }
        queued
    }

    /// The store, the number of commits before, and the folder, which lasts as long as it is held.
    async fn go_on(self) -> (SqliteStore, u64, tempfile::TempDir) {
        let before = self.store.commits();
        self.go_on.send(()).unwrap();
        self.first.await.unwrap().unwrap();
        (self.store, before, self.folder)
    }
}

/// Writes a row and a job of this name.
fn write_both(write: &mut Write<'_>, name: &str) -> Result<()> {
    write
        .connection
        .execute(
            "INSERT INTO notices (tenant, id, at, body) VALUES ('acme', ?1, 0, '{}')",
            params![name],
        )
        .map_err(error::database("write a row"))?;
    put_job(write, &job(name), Timestamp(0), 0)
}

fn job(name: &str) -> Job {
    Job::Archive {
        tenant: "acme".parse().unwrap(),
        task: format!("{name:0<32}").parse().unwrap(),
    }
}

fn refused() -> Error {
    Error::internal("database", "refused")
}

/// The names of the rows, and the jobs that are handed out.
async fn written(store: &SqliteStore) -> (Vec<String>, Vec<Job>) {
    let rows = store
        .reading()
        .await
        .rows("SELECT id FROM notices ORDER BY id", [], |row| row.get(0))
        .unwrap();
    let leases = store.receive(Lane::Archive, 10, 60_000).await.unwrap();
    let mut jobs: Vec<Job> = leases.into_iter().map(|lease| lease.job).collect();
    jobs.sort_by_key(|job| format!("{job:?}"));
    (rows, jobs)
}

#[tokio::test]
async fn one_that_fails_after_it_has_written_leaves_nothing_and_its_neighbours_are_committed() {
    let held = Held::new().await;
    let first = held.queue(|write| write_both(write, "a")).await;
    let failing = held
        .queue(|write| write_both(write, "b").and(Err(refused())))
        .await;
    let last = held.queue(|write| write_both(write, "c")).await;

    let (store, before, _folder) = held.go_on().await;

    first.await.unwrap().unwrap();
    assert_eq!(failing.await.unwrap().unwrap_err().message, "refused");
    last.await.unwrap().unwrap();
    let (rows, jobs) = written(&store).await;
    assert_eq!(rows, ["a", "c"]);
    assert_eq!(jobs, [job("a"), job("c")]);
    assert_eq!(store.commits() - before, 1, "they are one group");
}

#[tokio::test]
async fn one_that_fails_before_it_writes_makes_nobody_run_again() {
    let held = Held::new().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counter = runs.clone();
    let first = held
        .queue(move |write| {
            counter.fetch_add(1, Ordering::Relaxed);
            write_both(write, "a")
        })
        .await;
    let failing = held.queue(|_| Err(refused())).await;

    let (store, before, _folder) = held.go_on().await;

    first.await.unwrap().unwrap();
    assert_eq!(failing.await.unwrap().unwrap_err().message, "refused");
    assert_eq!(written(&store).await.0, ["a"]);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(store.commits() - before, 1, "they are one group");
}

/// The writes, by name and bytes, in the groups that they are committed in.
async fn groups_of(writes: &[(&'static str, usize)]) -> Vec<Vec<&'static str>> {
    let held = Held::new().await;
    let ran = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut queued = Vec::new();
    for (name, bytes) in writes {
        let (ran, commits, name) = (ran.clone(), held.store.clone(), *name);
        let bulk = Bulk::of(&name[..1].parse().unwrap(), *bytes);
        let write = move |write: &mut Write<'_>| {
            ran.lock().unwrap().push((commits.commits(), name));
            write_both(write, name)
        };
        queued.push(held.queue_bulk(bulk, write).await);
    }
    let (_store, _, _folder) = held.go_on().await;
    for write in queued {
        write.await.unwrap().unwrap();
    }
    let ran = ran.lock().unwrap();
    let groups = ran.chunk_by(|one, other| one.0 == other.0);
    groups
        .map(|group| group.iter().map(|(_, name)| *name).collect())
        .collect()
}

#[tokio::test]
async fn a_small_write_waits_for_no_large_one_that_came_before_it() {
    const LARGE: usize = 2 * 1024 * 1024;
    let writes = [
        ("a1", LARGE),
        ("a2", LARGE),
        ("b1", LARGE),
        ("c1", 0),
        ("c2", 0),
    ];

    let groups = groups_of(&writes).await;

    assert_eq!(
        groups,
        [vec!["c1", "c2"], vec!["a1"], vec!["b1"], vec!["a2"]]
    );
}
