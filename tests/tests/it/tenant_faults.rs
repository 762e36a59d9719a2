//! Destinations that refuse outputs by their tenant's fault: nothing is fetched for them, no job is
//! given up, and whoever can mend them is told once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fluxgate_core::app::{Archiver, Machine, Worker as _};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{
    FetchFailure, FetchFailureSort, Fetched, NewObject, ObjectStore, OutputFetch, OutputFetcher,
    Stored,
};
use fluxgate_core::task::{Delayed, Job, Lane, State};
use fluxgate_core::tenant::Destination;
use fluxgate_core::webhook::EventType;
use fluxgate_core::{Error, Fault, Result};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::contract::Stores;
use fluxgate_tests::contract::tenant_store::tenant_with_bucket;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::roles::Roles;
use fluxgate_tests::{AwsStores, Gateway, HiddenBucket, LiveReceiver, Ministack, eventually};

use crate::event_catalogue::{events, told};

/// A role that cannot be assumed.
struct Denied;

fn denied() -> Error {
    Error::unavailable("role_denied", "the role cannot be assumed").fault(Fault::Tenant)
}

#[async_trait]
impl ObjectStore for Denied {
    async fn ready(&self, _: &TenantId, _: &Destination) -> Result<()> {
        Err(denied())
    }

    async fn put_new(&self, _: &TenantId, _: &Destination, _: NewObject) -> Result<Stored> {
        panic!("nothing can be put there")
    }

    async fn remove(&self, _: &TenantId, _: &Destination, _: &str) -> Result<()> {
        Err(denied())
    }
}

/// Counts, and has no room.
#[derive(Default)]
struct Full(AtomicUsize);

#[async_trait]
impl OutputFetcher for Full {
    async fn fetch(&self, _: OutputFetch<'_>) -> Result<Fetched, FetchFailure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let full = Error::unavailable("copies_busy", "as many bytes as it may hold");
        Err(FetchFailure::new(FetchFailureSort::Busy, full))
    }
}

/// A store that takes everything, if it ever comes to that.
struct Open;

#[async_trait]
impl ObjectStore for Open {
    async fn ready(&self, _: &TenantId, _: &Destination) -> Result<()> {
        Ok(())
    }

    async fn put_new(&self, _: &TenantId, _: &Destination, _: NewObject) -> Result<Stored> {
        panic!("nothing was fetched")
    }

    async fn remove(&self, _: &TenantId, _: &Destination, _: &str) -> Result<()> {
        Ok(())
    }
}

fn archiver(stores: &Stores, outputs: Arc<Full>, objects: Arc<dyn ObjectStore>) -> Archiver {
    let roles = Roles::over(stores);
    let machine = Machine::new(roles.context.clone(), None);
    Archiver::new(machine, roles.queue, outputs, objects)
}

/// The job of a task that is to be archived, at its last failure but none.
async fn last_try(stores: &Stores, objects: Arc<dyn ObjectStore>) -> (usize, bool, usize) {
    let tenant = stores.funded(1).await;
    tenant_with_bucket(stores, &tenant, "outputs").await;
    let task = stores.archiving(&tenant).await;
    let job = Job::Archive {
        tenant,
        task: task.id.clone(),
    };
    let is_of_task = |found: &Job| *found == job;
    let due = Delayed {
        job: job.clone(),
        after_ms: 0,
    };
    stores.queue.send(&[due]).await.unwrap();
    let mut lease = eventually("the job", async || {
        let received = stores.queue.receive(Lane::Archive, 10, 60_000).await;
        let mut received = received.unwrap().into_iter();
        received.find(|lease| is_of_task(&lease.job))
    })
    .await;
    lease.failures = Bounds::default().job_failures_max - 1;
    let outputs = Arc::new(Full::default());

    archiver(stores, outputs.clone(), objects)
        .work(&lease)
        .await
        .unwrap();

    let letters = stores.queue.dead_letters(Lane::Archive).await.unwrap();
    let letters = letters
        .iter()
        .filter(|letter| letter.job.as_ref().is_some_and(is_of_task));
    let task = stores.tasks.get(&task.tenant, &task.id).await.unwrap();
    let refused = stores.tasks.timeline(&task.tenant, &task.id).await.unwrap();
    let is_told = refused.iter().any(|step| step.name == "archive_refused");
    assert_eq!(task.state, State::Archiving);
    (letters.count(), is_told, outputs.0.load(Ordering::Relaxed))
}

async fn no_dead_letter(stores: &Stores) {
    // The tenant sees why in the timeline, and nothing was fetched.
    assert_eq!(last_try(stores, Arc::new(Denied)).await, (0, true, 0));
    // A full process says nothing of anybody.
    let (letters, is_told, fetches) = last_try(stores, Arc::new(Open)).await;
    assert_eq!((letters, is_told), (0, false));
    assert!(fetches > 0);
}

#[tokio::test]
async fn neither_a_tenants_fault_nor_a_full_process_makes_a_dead_letter_on_one_machine() {
    let folder = tempfile::tempdir().unwrap();

    no_dead_letter(&Stores::on_sqlite(folder.path())).await;
}

#[tokio::test]
async fn neither_a_tenants_fault_nor_a_full_process_makes_a_dead_letter_on_aws() {
    let ministack = Ministack::start().await;

    no_dead_letter(&AwsStores::on(&ministack).await.stores()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_break_of_a_destination_is_told_its_tenant_once_and_so_is_its_end() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("tenant")).await;
    let bucket = HiddenBucket::of(&gateway, &tenant);
    let inputs = tenant.inputs().await;

    let tasks = [tenant.submit(&inputs).await, tenant.submit(&inputs).await];
    let failing = told(&receiver, EventType::DestinationFailing).await;
    bucket.bring_back();
    for task in &tasks {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }
    let recovered = told(&receiver, EventType::DestinationRecovered).await;

    assert_eq!(
        (&failing["code"], &failing["bucket"]),
        (&"bucket_missing".into(), &"fluxgate-acme".into())
    );
    assert_eq!(recovered["since"], failing["since"]);
    assert_eq!(events(&receiver, EventType::DestinationFailing).len(), 1);
    assert_eq!(events(&receiver, EventType::DestinationRecovered).len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_room_for_two_outputs_copies_one_after_the_other() {
    let gateway = Gateway::with(fluxgate_tests::GatewayOptions {
        bounds: BoundsSettings {
            copy_memory_bytes_max: Some(1_024),
            copy_file_bytes_max: Some(1_024),
            ..quick()
        },
        ..fluxgate_tests::GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let mut tasks = Vec::new();
    for _ in 0..6 {
        tasks.push(tenant.submit(&inputs).await);
    }

    for task in &tasks {
        assert_eq!(tenant.ended(task).await["archived"], true);
    }
    gateway.stop().await;
}
