//! The operator's roles over a data folder, without a server.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use fluxgate_core::app::{
    Batches, Callbacks, Capability, Context, Deliveries, Endpoints, Machine, OperatorWork,
    OutputLinks, Trusts, Views,
};
use fluxgate_core::port::{Entropy as _, Purpose, SystemClock, SystemEntropy};
use fluxgate_core::task::BaseUrl;
use fluxgate_core::webhook::CapabilityKeys;
use fluxgate_edge::auth::{AuthBounds, Authenticator};
use fluxgate_edge::{OperatorEdge, OperatorRoles};
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::objects::Objects;
use fluxgate_outbound::{
    Guard, GuardPolicy, HttpCallbackSender, HttpKeySetFetcher, KeySetBounds, Roots, WaveSpeedClient,
};

use crate::folder::{DataFolder, FolderReader, access, buckets, noted_server};
use crate::key_ring::capability;
use crate::onboarding::{api_keys, operator, vault};
use crate::settings::Settings;
use crate::stores::stores_of_commands;

/// An open folder, as the operator's roles need it.
pub(crate) struct OperatedFolder {
    pub(crate) context: Context,
    path: PathBuf,
    store: SqliteStore,
    /// What lies in its buckets; only of a folder that this process holds.
    objects: Option<Objects>,
}

impl DataFolder {
    pub(crate) fn operated(self) -> OperatedFolder {
        OperatedFolder {
            context: self.context(),
            path: self.path,
            store: self.store,
            objects: None,
        }
    }
}

impl FolderReader {
    pub(crate) fn operated(self) -> OperatedFolder {
        OperatedFolder {
            context: self.context(),
            path: self.path,
            store: self.store,
            objects: None,
        }
    }
}

/// Verifies tokens by what their issuers publish.
pub(crate) fn authenticator(store: &SqliteStore, guard: &Guard) -> Authenticator {
    let keys = HttpKeySetFetcher::new(guard.client(Purpose::KeySet), KeySetBounds::default());
    let store = Arc::new(store.clone());
    let trusts = Trusts::new(store.clone(), Arc::new(keys)).with_keys(store);
    Authenticator::new(trusts, Arc::new(SystemClock), AuthBounds::default())
}

fn any_key() -> Capability {
    let mut key = [0; 32];
    SystemEntropy.fill(&mut key);
    Capability::fixed(CapabilityKeys::new(key))
}

impl OperatedFolder {
    /// With what lies in its buckets. Only one process at a time may have that.
    pub(crate) fn with_objects(mut self) -> Result<Self> {
        self.objects = Some(Objects::open(&buckets(&self.path), self.store.clone())?);
        Ok(self)
    }

    /// What the admin API is served from. Without settings it is for calls that reach no server,
    /// and does not spend most of the command's time on reading the system's certificates.
    pub(crate) fn edge(
        self,
        provider: Option<Arc<WaveSpeedClient>>,
        settings: Option<&Settings>,
    ) -> Result<OperatorEdge> {
        let mut policy = GuardPolicy::default();
        match settings {
            Some(settings) => policy.allow.clone_from(&settings.allow_net),
            None => policy.roots = Roots::Bundled,
        }
        let settings = settings.cloned().unwrap_or_default();
        let guard = Arc::new(Guard::new(policy, settings.names())?);
        let callbacks = self.callbacks(&guard);
        let authenticator = Arc::new(authenticator(&self.store, &guard));
        let access = access(&self.store, &self.path);
        // Whoever needs the folder's own keys finds out that they cannot be read.
        let cursors = capability(&self.path).unwrap_or_else(|_| any_key());
        let queue = Arc::new(self.store);
        let stores = stores_of_commands(vault(&self.path), &guard, self.objects);
        let machine = Machine::new(self.context.clone(), settings.capacity());
        let context = self.context.clone();
        let operator = Arc::new(operator(context, &self.path, provider, Some(stores)));
        let endpoints = Endpoints::new(guard, callbacks.clone(), queue.clone());
        let deliveries = Deliveries::new(callbacks, queue.clone());
        let batches = Batches::new(self.context.clone(), queue.clone());
        Ok(OperatorEdge::new(OperatorRoles {
            operator,
            keys: Arc::new(api_keys(self.context, &self.path)),
            endpoints: Arc::new(endpoints),
            deliveries: Arc::new(deliveries),
            batches: Arc::new(batches),
            work: OperatorWork::new(machine, queue),
            authenticator,
            access: Some(access),
            cursors,
        }))
    }

    fn callbacks(&self, guard: &Guard) -> Callbacks {
        // Nothing that is sent from here has outputs, so any key does.
        let base_url = noted_server(&self.path).unwrap_or_default();
        let views = Views::new(
            self.context.clone(),
            BaseUrl::fixed(&base_url),
            OutputLinks::Relayed(any_key()),
        );
        let sender = HttpCallbackSender::new(guard.client(Purpose::Callback));
        Callbacks::new(
            self.context.clone(),
            views,
            vault(&self.path),
            Arc::new(sender),
        )
    }
}
