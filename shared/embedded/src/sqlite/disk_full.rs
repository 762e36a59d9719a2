//! A full disk at the writes of the database. SQLite is told that the file may not grow, which it
//! reports as it does a full disk.

use std::sync::Arc;

use fluxgate_core::Kind;
use fluxgate_core::id::{ModelId, RunId, TenantId};
use fluxgate_core::labels::Labels;
use fluxgate_core::media::MediaKind;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{
    AccountStore as _, Admitted, Clock as _, Ids as _, Queue as _, SystemClock, SystemEntropy,
    TaskStore as _,
};
use fluxgate_core::task::{
    Admission, Delayed, Job, Lane, NewTask, Signal, Step, Task, Via, transition,
};
use fluxgate_core::tenant::{Actor, AuditAction, AuditEntry};

use super::{SqliteStore, Write};

const PRICE: MicroUsd = MicroUsd(80_000);
/// Pages: as many as SQLite allows.
const NO_LIMIT: u32 = 0xffff_fffe;
/// Fills several pages, so that it fits in no free one.
const BYTES: usize = 50_000;

async fn limit_pages(store: &SqliteStore, pages: u32) {
    let limit = format!("PRAGMA max_page_count = {pages}");
    store
        .write(move |write| {
            let limited = write.connection.query_row(&limit, [], |_| Ok(()));
            limited.map_err(super::error::database("limit the file"))
        })
        .await
        .unwrap();
}

fn admission(tenant: &TenantId) -> Admission {
    let now = SystemClock.now();
    let new = NewTask {
        tenant: tenant.clone(),
        id: SystemEntropy.task_id(now),
        model: ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap(),
        price: PRICE,
        cost: PRICE,
        outputs_asked: 1,
        makes: Some(MediaKind::Picture),
        callback: None,
        metadata: Labels::default(),
    };
    let started = transition(&Task::admitted(new, now), Signal::SubmitStarted, now).unwrap();
    Admission {
        task: started.task,
        steps: started.steps,
        inputs: format!("{{\"prompt\":\"{}\"}}", "x".repeat(BYTES)).into(),
        idempotency: None,
        tasks_in_flight_max: None,
        key_terms: None,
        watch_after_ms: 600_000,
        wake_after_ms: None,
    }
}

pub(super) async fn funded(store: &SqliteStore) -> TenantId {
    let tenant = TenantId::parse("acme").unwrap();
    let entry = AuditEntry {
        id: SystemEntropy.audit_id(SystemClock.now()),
        at: SystemClock.now(),
        actor: Actor::cli(),
        action: AuditAction::AccountToppedUp,
        tenant: Some(tenant.clone()),
        detail: serde_json::json!({}),
    };
    let amount = MicroUsd(PRICE.0 * 10);
    store
        .top_up(&tenant, amount, "first", &entry)
        .await
        .unwrap();
    tenant
}

pub(super) async fn admitted(store: &SqliteStore, tenant: &TenantId) -> Task {
    match store.admit(admission(tenant)).await.unwrap() {
        Admitted::New(task) => *task,
        Admitted::Existing(task) => panic!("{} is not new", task.id),
    }
}

#[tokio::test]
async fn a_full_disk_refuses_each_write_whole_and_takes_it_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let tenant = funded(&store).await;
    let check = "INSERT INTO encryption_check VALUES (1, 'as in every folder in use')";
    let write = |write: &mut Write<'_>| Ok(write.connection.execute(check, []).unwrap());
    store.write(write).await.unwrap();
    let task = admitted(&store, &tenant).await;
    let run = RunId::parse(&SystemEntropy.id32(SystemClock.now())).unwrap();
    let accepted = Signal::Accepted {
        run,
        via: Via::Submit,
    };
    let mut change = transition(&task, accepted, SystemClock.now()).unwrap();
    let long = Step::new(SystemClock.now(), "noted").detail("x".repeat(BYTES));
    change.steps.push(long.clone());
    let jobs: Vec<Delayed> = (0..500)
        .map(|_| Delayed {
            job: Job::Archive {
                tenant: tenant.clone(),
                task: SystemEntropy.task_id(SystemClock.now()),
            },
            after_ms: 0,
        })
        .collect();
    let before = (
        store.account(&tenant).await.unwrap(),
        store.ledger(&tenant).await.unwrap(),
        store.timeline(&tenant, &task.id).await.unwrap(),
    );

    limit_pages(&store, 1).await;
    let refused = [
        store.admit(admission(&tenant)).await.map(drop).unwrap_err(),
        store.apply(&change).await.unwrap_err(),
        store.note(&tenant, &task.id, &long).await.unwrap_err(),
        store.send(&jobs).await.unwrap_err(),
    ];

    let refused = refused.map(|error| (error.kind, error.code));
    assert_eq!(refused, [(Kind::Unavailable, "disk_full"); 4]);
    assert!(store.is_failing());
    let after = (
        store.account(&tenant).await.unwrap(),
        store.ledger(&tenant).await.unwrap(),
        store.timeline(&tenant, &task.id).await.unwrap(),
    );
    assert_eq!(after, before);
    let listed = store.list(&tenant, None, 10).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&task));
    assert_eq!(store.receive(Lane::Archive, 10, 60_000).await.unwrap(), []);

    limit_pages(&store, NO_LIMIT).await;
    store.writer().unwrap().attempt_write();
    // Behind it, and writes nothing.
    store.write(|_| Ok(())).await.unwrap();
    assert!(!store.is_failing());
    admitted(&store, &tenant).await;
    store.apply(&change).await.unwrap();
    store.send(&jobs).await.unwrap();
    let stored = store.get(&tenant, &task.id).await.unwrap();
    assert_eq!(stored.version, change.task.version);
    assert_eq!(store.account(&tenant).await.unwrap().held.0, 2 * PRICE.0);
}
