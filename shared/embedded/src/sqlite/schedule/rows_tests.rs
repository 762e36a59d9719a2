//! Jobs that are rows alone: read when they are due, in turns, and in bounded number.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::{Clock, Lease, Queue as _};
use fluxgate_core::task::{Delayed, Job, Lane};
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::Part;
use super::read::{NEXT_TENANT, PAGE};
use crate::sqlite::SqliteStore;

const START: i64 = 1_700_000_000_000;
const LEASE_MS: u64 = 60_000;
const MANY: u64 = 100_000;

/// A clock that the test holds.
struct HeldClock(AtomicI64);

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

struct Folder {
    folder: tempfile::TempDir,
    clock: Arc<HeldClock>,
    store: SqliteStore,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HeldClock(AtomicI64::new(START)));
        let store = SqliteStore::open(folder.path(), clock.clone()).unwrap();
        Self {
            folder,
            clock,
            store,
        }
    }

    /// The same rows, as the next process finds them.
    fn reopened(self) -> Self {
        let store = SqliteStore::open(self.folder.path(), self.clock.clone()).unwrap();
        Self { store, ..self }
    }

    fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    async fn send(&self, job: &Job, after_ms: u64) {
        let job = job.clone();
        self.store.send(&[Delayed { job, after_ms }]).await.unwrap();
    }

    async fn receive(&self, lane: Lane) -> Vec<Lease> {
        self.store.take_due(lane, 32, LEASE_MS).await.unwrap()
    }

    fn in_memory(&self, part: Part) -> usize {
        self.store.schedule.in_memory(part).0
    }

    fn rows(&self) -> u32 {
        let database = database(self.folder.path());
        let count = database.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0));
        count.unwrap()
    }
}

fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("fluxgate.db")).unwrap()
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn task(n: u64) -> TaskId {
    TaskId::parse(&format!("{n:032x}")).unwrap()
}

fn archive(name: &str, n: u64) -> Job {
    Job::Archive {
        tenant: tenant(name),
        task: task(n),
    }
}

fn watch(name: &str, n: u64, round: u32) -> Job {
    Job::Watch {
        tenant: tenant(name),
        task: task(n),
        round,
    }
}

/// Rows of so many jobs of a tenant, as an earlier release has written them.
fn write_rows(folder: &Path, job: impl Fn(u64) -> Job, kind: &str, count: u64, due: i64) {
    let mut database = database(folder);
    let transaction = database.transaction().unwrap();
    for n in 0..count {
        let job = job(n);
        let key = format!("{kind}/{}/{}", job.tenant(), task(n));
        let body = serde_json::to_string(&job).unwrap();
        transaction
            .prepare_cached("INSERT INTO jobs (key, due_at, failures, body) VALUES (?1, ?2, 0, ?3)")
            .unwrap()
            .execute(params![key, due, body])
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn of_a_hundred_thousand_jobs_for_later_none_is_in_memory() {
    let folder = Folder::new();
    let watches = |n| watch("many", n, 0);
    write_rows(folder.folder.path(), watches, "watch", MANY, START + 60_000);
    let folder = folder.reopened();

    let early = folder.receive(Lane::Watch).await;
    let before = folder.in_memory(Part::Watch);
    folder.pass(60_000);
    let due = folder.receive(Lane::Watch).await;

    assert_eq!((early.len(), before), (0, 0));
    assert_eq!(due.len(), 32);
    assert!(folder.in_memory(Part::Watch) <= 512, "too many in memory");
}

#[tokio::test]
async fn a_tenant_with_a_hundred_thousand_due_jobs_keeps_no_other_s_from_being_read() {
    let folder = Folder::new();
    let path = folder.folder.path();
    write_rows(
        path,
        |n| archive("many", n),
        "archive",
        MANY,
        START - 60_000,
    );
    write_rows(path, |n| archive("few", n), "archive", 1, START - 1);
    let folder = folder.reopened();

    let first = folder.receive(Lane::Archive).await;
    folder.send(&archive("fewer", 1), 0).await;
    let second = folder.receive(Lane::Archive).await;

    let has = |leases: &[Lease], name: &str| {
        let mut jobs = leases.iter().map(|lease| lease.job.tenant());
        jobs.any(|of| of.as_str() == name)
    };
    assert!(has(&first, "many") && has(&first, "few"), "{first:?}");
    assert!(has(&second, "fewer"), "{second:?}");
    assert!(folder.in_memory(Part::Archive) <= 1_024);
}

#[tokio::test]
async fn more_jobs_than_there_is_room_for_all_come_once_with_little_in_memory() {
    let folder = Folder::new();
    let jobs = (0..3_000).map(|n| Delayed {
        job: archive("many", n),
        after_ms: n % 7 * 1_000,
    });
    let jobs: Vec<Delayed> = jobs.collect();
    folder.store.send(&jobs).await.unwrap();

    let (mut seen, mut most) = (BTreeSet::new(), 0);
    while seen.len() < jobs.len() {
        for lease in folder.receive(Lane::Archive).await {
            assert!(seen.insert(lease.handle.clone()), "{} twice", lease.handle);
            folder.store.ack(&lease).await.unwrap();
        }
        // What is done with is in memory until that is written.
        folder.store.write_settled().await.unwrap();
        most = most.max(folder.in_memory(Part::Archive));
        folder.pass(50);
    }

    assert!(most <= 2_048, "{most} in memory");
    assert_eq!((folder.in_memory(Part::Archive), folder.rows()), (0, 0));
}

#[tokio::test]
async fn a_job_that_is_a_row_alone_is_sent_again_hastened_and_taken_back() {
    let folder = Folder::new();
    let (again, soon, done) = (archive("acme", 1), archive("acme", 2), archive("acme", 3));
    for job in [&again, &soon, &done] {
        folder.send(job, 600_000).await;
    }
    assert_eq!(folder.in_memory(Part::Archive), 0);

    folder.send(&again, 0).await;
    folder.store.hasten(&soon);
    folder.store.hasten(&archive("acme", 4));
    let first = folder.receive(Lane::Archive).await;
    let second = folder.receive(Lane::Archive).await;

    let mut came: Vec<Lease> = [first, second].concat();
    came.sort_by(|one, other| one.handle.cmp(&other.handle));
    let jobs: Vec<&Job> = came.iter().map(|lease| &lease.job).collect();
    assert_eq!(jobs, [&again, &soon]);
    for lease in &came {
        folder.store.ack(lease).await.unwrap();
    }
    folder.store.write_settled().await.unwrap();
    folder.pass(700_000);
    let last = folder.receive(Lane::Archive).await;
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].job, done);
}

#[tokio::test]
async fn the_ends_of_many_jobs_leave_memory_at_once_and_are_few_writes() {
    let folder = Folder::new();
    let jobs = (0..2_000).map(|n| Delayed {
        job: archive(&format!("t{}", n % 50), n),
        after_ms: 0,
    });
    folder.store.send(&jobs.collect::<Vec<_>>()).await.unwrap();
    let before = folder.store.commits();

    let mut settled = 0;
    while settled < 2_000 {
        for lease in folder.receive(Lane::Archive).await {
            folder.store.ack(&lease).await.unwrap();
            settled += 1;
        }
    }
    folder.store.write_settled().await.unwrap();

    let commits = folder.store.commits() - before;
    assert!(commits <= 200, "{commits} commits for 2,000 ends");
    let (jobs, slots) = folder.store.schedule.in_memory(Part::Archive);
    assert_eq!((jobs, folder.rows()), (0, 0));
    assert!(slots <= 1_100, "memory for {slots} jobs is not given back");
}

#[tokio::test]
async fn watches_come_at_their_pace_in_turns_and_nothing_waits_behind_them() {
    let folder = Folder::new();
    folder.store.set_polls_per_second(100);
    let path = folder.folder.path();
    write_rows(path, |n| watch("many", n, 0), "watch", 1_000, START - 9_000);
    write_rows(path, |n| watch("few", n, 0), "watch", 2, START - 1);
    let folder = folder.reopened();
    folder.store.set_polls_per_second(100);
    let wake = Job::Wake {
        tenant: tenant("many"),
        task: task(1),
        version: 1,
        round: 0,
    };
    folder.send(&wake, 0).await;

    let first = folder.receive(Lane::Watch).await;
    let mut all = first.clone();
    for _ in 0..100 {
        folder.pass(10);
        all.extend(folder.receive(Lane::Watch).await);
    }

    assert!(first.iter().any(|lease| lease.job == wake), "{first:?}");
    let watches = all.len() - 1;
    assert!((50..=102).contains(&watches), "{watches} in a second");
    let few = |lease: &&Lease| lease.job.tenant().as_str() == "few";
    assert_eq!(all[..8].iter().filter(few).count(), 2, "{all:?}");
}

#[tokio::test]
async fn a_watch_goes_on_without_a_write_of_its_own() {
    let folder = Folder::new();
    for n in 0..100 {
        folder.send(&watch("acme", n, 0), 0).await;
    }
    let mut settled = 0;
    let before = folder.store.commits();

    while settled < 100 {
        for lease in folder.receive(Lane::Watch).await {
            let Job::Watch { tenant, task, .. } = lease.job.clone() else {
                panic!("{lease:?}");
            };
            let next = Job::Watch {
                tenant,
                task,
                round: 1,
            };
            folder.store.again(&lease, &next, 60_000).await.unwrap();
            settled += 1;
        }
    }
    folder.store.write_settled().await.unwrap();

    assert!(folder.store.commits() - before <= 20);
    assert_eq!((folder.in_memory(Part::Watch), folder.rows()), (0, 100));
    folder.pass(60_000);
    let again = folder.receive(Lane::Watch).await;
    assert!(!again.is_empty());
    let is_next = |lease: &Lease| matches!(lease.job, Job::Watch { round: 1, .. });
    assert!(again.iter().all(is_next), "{again:?}");
}

#[tokio::test]
async fn due_rows_are_found_by_their_index_alone() {
    let folder = Folder::new();
    let database = database(folder.folder.path());

    for sql in [NEXT_TENANT, PAGE] {
        let mut explained = database
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let unbound = explained.parameter_count();
        let values = (0..unbound).map(|_| rusqlite::types::Null);
        let plan = explained.query_map(rusqlite::params_from_iter(values), |row| row.get(3));
        let plan: Vec<String> = plan.unwrap().map(Result::unwrap).collect();

        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(plan[0].starts_with("SEARCH jobs USING "), "{plan:?}");
        assert!(
            plan[0].contains("INDEX jobs_by_due (part=? AND tenant"),
            "{plan:?}"
        );
    }
}
