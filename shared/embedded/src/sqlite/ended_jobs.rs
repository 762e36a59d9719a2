//! What becomes of the jobs of a task that ends.

use std::sync::Arc;

use fluxgate_core::id::RunId;
use fluxgate_core::port::{Clock as _, Ids as _, Queue as _, SystemClock, SystemEntropy};
use fluxgate_core::port::{Lease, TaskStore as _};
use fluxgate_core::task::{Delayed, Finished, Job, Lane, Output, Signal, Task, Via, transition};

use super::SqliteStore;
use super::disk_full::{admitted, funded};

async fn signal(store: &SqliteStore, task: &Task, signal: Signal) -> Task {
    let change = transition(task, signal, SystemClock.now()).unwrap();
    store.apply(&change).await.unwrap();
    store.get(&task.tenant, &task.id).await.unwrap()
}

async fn leased(store: &SqliteStore) -> Vec<Lease> {
    store.receive(Lane::Archive, 10, 60_000).await.unwrap()
}

fn finished(task: &Task) -> Signal {
    let run = RunId::parse(&SystemEntropy.id32(task.created_at)).unwrap();
    Signal::Finished(Finished {
        run,
        via: Via::Webhook,
        sources: vec!["https://cdn.example/1.png".to_owned()],
        nsfw: vec![false],
        inference_ms: None,
        note: None,
    })
}

fn archived() -> Signal {
    let output = Output {
        bucket: "b".to_owned(),
        key: "0.png".to_owned(),
        sha256: "0".repeat(64),
        bytes: 1,
        content_type: "image/png".to_owned(),
        store: None,
        url: None,
    };
    Signal::Archived {
        outputs: vec![output],
    }
}

#[tokio::test]
async fn the_write_that_completes_a_task_settles_its_copy_and_no_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
    let tenant = funded(&store).await;
    let task = admitted(&store, &tenant).await;
    let task = signal(&store, &task, finished(&task)).await;
    let leases = leased(&store).await;
    assert_eq!(leases.len(), 1);

    signal(&store, &task, archived()).await;
    let commits = store.commits();
    store.ack(&leases[0]).await.unwrap();
    store.write_settled().await.unwrap();

    assert_eq!(store.commits(), commits);
    let job = Job::Archive {
        tenant,
        task: task.id,
    };
    store.send(&[Delayed { job, after_ms: 0 }]).await.unwrap();
    assert_eq!(leased(&store).await.len(), 1);
}
