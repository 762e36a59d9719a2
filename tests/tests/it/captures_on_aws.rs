//! Several captures of a tenant in one transaction: what it costs, a lost answer, and copies that
//! do not wait for each other.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use fluxgate_core::app::{Archiver, Machine, Worker as _};
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::Purpose;
use fluxgate_core::secret::Secret;
use fluxgate_core::task::{Change, EndedRun, Finished, Job, Lane, Signal, Task, Via, transition};
use fluxgate_outbound::{Guard, GuardPolicy, HttpOutputFetcher, NameSettings};
use fluxgate_s3::{S3Limits, S3ObjectStore, S3StoreSettings, fixed_keys};
use fluxgate_tests::contract::tenant_store::tenant_with_bucket;
use fluxgate_tests::contract::{PRICE, archived, fresh_run, now};
use fluxgate_tests::eventually;
use fluxgate_tests::faulty_aws::Fault;
use fluxgate_tests::roles::{Roles, RuntimeTimer};
use tokio::sync::watch;

use super::dynamodb::Bed;

const BUCKET: &str = "fluxgate-test-captures";
const PICTURE: &[u8] = include_bytes!("../../../shared/emulator/assets/tiny.png");

async fn captures(bed: &Bed, tenant: &TenantId, count: usize) -> Vec<Change> {
    let mut changes = Vec::new();
    for _ in 0..count {
        let task = bed.stores.archiving(tenant).await;
        changes.push(transition(&task, archived(), now()).unwrap());
    }
    changes
}

#[tokio::test]
async fn captures_of_a_tenant_share_the_write_of_its_account() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(5).await;
    let changes = captures(&bed, &tenant, 5).await;
    let (first, rest) = changes.split_first().unwrap();
    let units = async |changes: &[Change]| {
        let before = bed.faulty.write_units();
        let outcomes = bed.by_faulty.tasks.apply_each(changes).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        bed.faulty.write_units() - before
    };

    assert_eq!(units(std::slice::from_ref(first)).await, 4);
    // Two for each task, and two for the account.
    assert_eq!(units(rest).await, 10);
}

#[tokio::test]
async fn captures_whose_answer_was_lost_are_written_once() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(3).await;
    let changes = captures(&bed, &tenant, 3).await;

    // The client asks again by itself, and then the store asks for each.
    bed.faulty
        .next("TransactWriteItems", [Fault::AnswerLost, Fault::AnswerLost]);
    let outcomes = bed.by_faulty.tasks.apply_each(&changes).await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(bed.faulty.left(), 0);
    let account = bed.stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        (account.captured, account.held),
        (MicroUsd(3 * PRICE.0), MicroUsd::ZERO)
    );
}

/// What a crash between the transaction and the sending of its jobs leaves is whole.
#[tokio::test]
async fn captures_whose_jobs_could_not_be_sent_are_written() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(3).await;
    let changes = captures(&bed, &tenant, 3).await;
    let without = bed.direct.without_queues(bed.ministack.aws());

    let outcomes = fluxgate_core::port::TaskStore::apply_each(&without, &changes).await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    for change in &changes {
        let stored = bed.stores.tasks.get(&tenant, &change.task.id).await;
        assert_eq!(stored.unwrap(), change.task);
    }
}

/// Outputs at `/quick` at once, and at `/slow` when they are let go.
async fn outputs() -> (String, watch::Sender<bool>) {
    let (let_go, held) = watch::channel(false);
    let serve = async |State(mut held): State<watch::Receiver<bool>>, Path(name): Path<String>| {
        if name == "slow" {
            held.wait_for(|is_free| *is_free).await.unwrap();
        }
        ([("content-type", "image/png")], PICTURE)
    };
    let router = Router::new()
        .route("/{name}", axum::routing::get(serve))
        .with_state(held);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, let_go)
}

fn archiver(bed: &Bed) -> Archiver {
    let policy = GuardPolicy::allowing(vec!["127.0.0.0/8".parse().unwrap()]);
    let guard = Guard::new(policy, NameSettings::default()).unwrap();
    let fetcher = HttpOutputFetcher::new(guard.client(Purpose::Output));
    let objects = S3ObjectStore::new(S3StoreSettings {
        endpoint: Some(bed.ministack.endpoint().to_owned()),
        public_endpoint: None,
        region: "us-east-1".to_owned(),
        credentials: fixed_keys("test", &Secret::new("test")),
        force_path_style: true,
        http: None,
        limits: S3Limits::default(),
    });
    let roles = Roles::over(&bed.stores);
    let machine = Machine::new(roles.context.clone(), None);
    Archiver::new(machine, roles.queue, Arc::new(fetcher), Arc::new(objects))
        .together(Arc::new(RuntimeTimer))
}

/// A task that the provider works on, and the job that says it is done.
async fn ended(bed: &Bed, tenant: &TenantId, source: String) -> (Task, Job) {
    let (task, run) = (bed.stores.admitted(tenant).await, fresh_run());
    let accepted = Signal::Accepted {
        run: run.clone(),
        via: Via::Submit,
    };
    let task = bed.stores.signal(&task, accepted).await;
    let finished = Finished {
        run,
        via: Via::Webhook,
        sources: vec![source],
        nsfw: vec![false],
        inference_ms: None,
        note: None,
    };
    let job = Job::ArchiveRun {
        tenant: tenant.clone(),
        task: task.id.clone(),
        ended: Box::new(EndedRun {
            finished,
            at: now(),
        }),
    };
    (task, job)
}

#[tokio::test]
async fn a_quick_copy_waits_but_a_moment_for_a_slow_one_of_its_tenant() {
    let bed = Bed::start().await;
    let (url, let_go) = outputs().await;
    let bucket = format!("{}/{BUCKET}", bed.ministack.endpoint());
    let made = reqwest::Client::new().put(bucket).send().await.unwrap();
    assert!(made.status().is_success());
    let tenant = bed.stores.funded(3).await;
    tenant_with_bucket(&bed.stores, &tenant, BUCKET).await;
    let mut jobs = Vec::new();
    for name in ["slow", "quick", "quick"] {
        jobs.push(ended(&bed, &tenant, format!("{url}/{name}")).await);
    }
    let sent: Vec<_> = jobs.iter().map(|(_, job)| job.clone()).collect();
    let archiver = Arc::new(archiver(&bed));
    let mut working = tokio::task::JoinSet::new();
    for lease in super::carried_runs::leases(&bed.stores, sent).await {
        let archiver = archiver.clone();
        working.spawn(async move { archiver.work(&lease).await });
    }

    for _ in ["quick", "quick"] {
        let done = tokio::time::timeout(Duration::from_secs(20), working.join_next()).await;
        done.expect("it does not wait for the slow one")
            .unwrap()
            .unwrap()
            .unwrap();
    }
    let account = bed.stores.accounts.account(&tenant).await.unwrap();
    let_go.send(true).unwrap();
    let all = async || {
        let account = bed.stores.accounts.account(&tenant).await.unwrap();
        (account.captured == MicroUsd(3 * PRICE.0)).then_some(())
    };

    assert_eq!(account.captured, MicroUsd(2 * PRICE.0));
    eventually("the slow one", all).await;
    let left = bed.stores.queue.receive(Lane::Archive, 10, 1_000).await;
    assert!(left.unwrap().is_empty());
}
