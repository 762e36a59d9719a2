//! The roles over the stores, each built as the functions build theirs, with no way out unless a
//! test opens one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::app::{
    Archiver, Callbacks, Capability, Context, Deliveries, Machine, Notifier, Operator,
    OperatorParts, OperatorTasks, OperatorWork, OutputLinks, Receiver, Restoration, Restorations,
    Sender, Sweeper, Vault, Views, Watcher, Worker,
};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{
    CallbackRequest, CallbackSender, DestinationCheck, Destinations, FetchFailure,
    FetchFailureSort, Fetched, KeyRings, Lease, NewObject, ObjectStore, OutputFetch, OutputFetcher,
    Queue, SendOutcome, Stored, SystemClock, Timer,
};
use fluxgate_core::seal::KeyRing;
use fluxgate_core::secret::Secret;
use fluxgate_core::task::{BaseUrl, Lane, Output};
use fluxgate_core::tenant::Destination;
use fluxgate_core::webhook::{CapabilityKeys, ErrorClass};
use fluxgate_core::{Error, Result};
use fluxgate_outbound::{
    Guard, GuardPolicy, NameSettings, ProviderSettings, Roots, WaveSpeedClient,
};

use crate::contract::Stores;

/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1";

/// What the roles of one test are built of.
#[derive(Clone)]
pub struct Roles {
    pub context: Context,
    pub queue: Arc<dyn Queue>,
    pub provider: Arc<WaveSpeedClient>,
    pub callbacks: Arc<dyn CallbackSender>,
}

impl Roles {
    /// The roles over these stores, without any network.
    pub fn over(stores: &Stores) -> Self {
        let context = Context {
            store: stores.store.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            bounds: Arc::new(Bounds::default()),
        };
        let provider = Arc::new(provider(NOBODY, "nobody's"));
        Self {
            context,
            queue: stores.queue.clone(),
            provider,
            callbacks: Arc::new(NoWayOut),
        }
    }

    pub fn receiver(&self) -> Receiver {
        let queue = self.queue.clone();
        Receiver::new(self.machine(), self.provider.clone(), capability(), queue)
    }

    pub fn watcher(&self) -> Watcher {
        Watcher::new(
            Sender::new(self.machine(), self.provider.clone(), None),
            self.queue.clone(),
            Arc::new(guard()),
        )
    }

    pub fn archiver(&self) -> Archiver {
        Archiver::new(
            self.machine(),
            self.queue.clone(),
            Arc::new(NoWayOut),
            Arc::new(NoWayOut),
        )
    }

    pub fn notifier(&self) -> Notifier {
        Notifier::new(self.queue.clone(), self.callbacks())
    }

    pub fn operator(&self) -> Operator {
        Operator::new(OperatorParts {
            context: self.context.clone(),
            vault: vault(),
            destinations: Arc::new(NoWayOut),
            provider: None,
            provider_books: None,
        })
    }

    /// What the operator does to many tasks.
    pub fn operator_tasks(&self) -> (OperatorTasks, Restorations) {
        let deliveries = Deliveries::new(self.callbacks(), self.queue.clone());
        let work = OperatorWork::new(self.machine(), self.queue.clone());
        let (tasks, _, restorations) =
            work.roles(&Arc::new(self.operator()), &Arc::new(deliveries));
        (tasks, restorations)
    }

    pub fn restoration(&self) -> Restoration {
        Restoration::new(self.context.clone(), self.queue.clone())
    }

    fn callbacks(&self) -> Callbacks {
        let links = OutputLinks::Relayed(capability());
        let views = Views::new(
            self.context.clone(),
            BaseUrl::fixed("http://127.0.0.1"),
            links,
        );
        let vault = vault();
        let context = self.context.clone();
        Callbacks::new(context, views, vault, self.callbacks.clone())
    }

    pub fn sweeper(&self) -> Sweeper {
        Sweeper::new(self.machine(), self.queue.clone())
    }

    /// Runs the role that handles this job.
    pub async fn work(&self, lease: &Lease) -> Result<()> {
        match lease.job.lane() {
            Lane::Watch => self.watcher().work(lease).await,
            Lane::Archive => self.archiver().work(lease).await,
            Lane::Notify => self.notifier().work(lease).await,
        }
    }

    fn machine(&self) -> Machine {
        Machine::new(self.context.clone(), None)
    }
}

/// Waits by the test's runtime.
pub struct RuntimeTimer;

#[async_trait]
impl Timer for RuntimeTimer {
    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// The client of the provider at this address.
pub fn provider(base_url: &str, api_key: &str) -> WaveSpeedClient {
    let settings = ProviderSettings {
        base_url: base_url.parse().unwrap(),
        api_key: Arc::new(Secret::new(api_key)),
        timeout_ms: 5_000,
        catalogue_ttl_ms: 60_000,
        roots: Roots::System,
    };
    WaveSpeedClient::new(settings).unwrap()
}

fn guard() -> Guard {
    Guard::new(GuardPolicy::allowing(Vec::new()), NameSettings::default()).unwrap()
}

fn capability() -> Capability {
    Capability::fixed(CapabilityKeys::new([7; 32]))
}

/// Every outbound call fails, as our own fault.
struct NoWayOut;

fn closed() -> Error {
    Error::internal("closed", "there is no way out of this test")
}

#[async_trait]
impl ObjectStore for NoWayOut {
    async fn ready(&self, _: &TenantId, _: &Destination) -> Result<()> {
        Ok(())
    }

    async fn put_new(&self, _: &TenantId, _: &Destination, _: NewObject) -> Result<Stored> {
        Err(closed())
    }

    async fn remove(&self, _: &TenantId, _: &Destination, _: &str) -> Result<()> {
        Err(closed())
    }
}

#[async_trait]
impl Destinations for NoWayOut {
    async fn prepare(&self, _: &TenantId, _: &Destination) -> Result<()> {
        Ok(())
    }

    async fn probe(&self, _: &TenantId, _: &Destination) -> Result<Vec<DestinationCheck>> {
        Err(closed())
    }

    fn is_own(&self, _: &Destination) -> bool {
        false
    }

    async fn remove_own(&self, _: &TenantId, _: &Destination, _: &Output) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait]
impl OutputFetcher for NoWayOut {
    async fn fetch(&self, _: OutputFetch<'_>) -> Result<Fetched, FetchFailure> {
        Err(FetchFailure::new(FetchFailureSort::Local, closed()))
    }
}

#[async_trait]
impl CallbackSender for NoWayOut {
    async fn send(&self, _: CallbackRequest) -> SendOutcome {
        SendOutcome::Failed {
            class: ErrorClass::Connect,
            reason: closed().message,
        }
    }
}

/// What seals and opens secrets with one known key.
pub fn vault() -> Vault {
    Vault::new(Arc::new(FixedRing::default()), Arc::new(SystemEntropy))
}

/// A ring of one known key.
struct FixedRing(Arc<KeyRing>);

impl Default for FixedRing {
    fn default() -> Self {
        Self(Arc::new(KeyRing::fresh([9; 32])))
    }
}

#[async_trait]
impl KeyRings for FixedRing {
    async fn ring(&self) -> Result<Arc<KeyRing>> {
        Ok(self.0.clone())
    }

    async fn ring_now(&self) -> Result<Arc<KeyRing>> {
        Ok(self.0.clone())
    }

    async fn ring_stored(&self) -> Result<Arc<KeyRing>> {
        Ok(self.0.clone())
    }

    async fn replace(&self, _: &KeyRing, _: &KeyRing) -> Result<()> {
        Err(closed())
    }

    fn settles_ms(&self) -> u64 {
        0
    }
}
