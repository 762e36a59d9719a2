//! What every role needs: the store, the clock, randomness and the bounds.

use std::sync::Arc;

use crate::base::bounds::Bounds;
use crate::base::time::Timestamp;
use crate::port::{
    AccountStore, Clock, DeliveryStore, EndpointStore, Entropy, Store, TaskStore, TenantStore,
};

/// The ports shared by every role. Ports that only one role needs belong to that role.
#[derive(Clone)]
pub struct Context {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub bounds: Arc<Bounds>,
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn tasks(&self) -> &dyn TaskStore {
        self.store.tasks()
    }

    pub(crate) fn accounts(&self) -> &dyn AccountStore {
        self.store.accounts()
    }

    pub(crate) fn tenants(&self) -> &dyn TenantStore {
        self.store.tenants()
    }

    pub(crate) fn endpoints(&self) -> &dyn EndpointStore {
        self.store.endpoints()
    }

    pub(crate) fn deliveries(&self) -> &dyn DeliveryStore {
        self.store.deliveries()
    }
}
