//! What every role needs: the store, the clock, randomness and the bounds.

use std::sync::Arc;

use crate::base::bounds::Bounds;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::task::Task;
use crate::port::{
    AccountStore, AlertStore, ApiKeyStore, BatchStore, Clock, DayStore, DeliveryStore,
    EndpointStore, Entropy, Ids as _, InputKeyStore, OpenTaskStore, RetentionStore, Store,
    TaskStore, TenantStore,
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

    /// The task's trace, for one request that leaves for it.
    pub(crate) fn hop(&self, task: &Task) -> TraceContext {
        task.trace_context().hop(self.entropy.u64())
    }

    pub(crate) fn tasks(&self) -> &dyn TaskStore {
        self.store.tasks()
    }

    pub(crate) fn open_tasks(&self) -> &dyn OpenTaskStore {
        self.store.open_tasks()
    }

    pub(crate) fn accounts(&self) -> &dyn AccountStore {
        self.store.accounts()
    }

    pub(crate) fn alerts(&self) -> &dyn AlertStore {
        self.store.alerts()
    }

    pub(crate) fn days(&self) -> &dyn DayStore {
        self.store.days()
    }

    pub(crate) fn tenants(&self) -> &dyn TenantStore {
        self.store.tenants()
    }

    pub(crate) fn endpoints(&self) -> &dyn EndpointStore {
        self.store.endpoints()
    }

    pub(crate) fn batches(&self) -> &dyn BatchStore {
        self.store.batches()
    }

    pub(crate) fn api_keys(&self) -> &dyn ApiKeyStore {
        self.store.api_keys()
    }

    pub(crate) fn data_keys(&self) -> &dyn InputKeyStore {
        self.store.data_keys()
    }

    pub(crate) fn retention(&self) -> &dyn RetentionStore {
        self.store.retention()
    }

    /// Fails while nobody may send a run for a task that the store has from a backup: it may have
    /// been sent since.
    pub(crate) async fn check_restored(&self) -> Result<()> {
        let restorations = self.store.restorations();
        match restorations.may_await_restoration() {
            true => restorations.check_restored().await,
            false => Ok(()),
        }
    }

    pub(crate) fn deliveries(&self) -> &dyn DeliveryStore {
        self.store.deliveries()
    }
}
