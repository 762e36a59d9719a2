//! The store: everything that a change may have to write in one transaction.

use super::{
    AccountStore, AlertStore, ApiKeyStore, BatchStore, DayStore, DeliveryStore, EndpointStore,
    FairQueueStore, InputKeyStore, OpenTaskStore, RestorationStore, RetentionStore, TaskStore,
    TenantStore,
};

/// Everything that shares transactions is one port, so that wiring cannot mix two stores: a task,
/// its hold, its deliveries and its slot are in one database, or in one table.
pub trait Store
where
    Self: TaskStore + AccountStore + AlertStore + DayStore + TenantStore,
    Self: EndpointStore + DeliveryStore + BatchStore + FairQueueStore + ApiKeyStore + OpenTaskStore,
    Self: RetentionStore + RestorationStore + InputKeyStore,
{
}

impl<T> Store for T where
    T: TaskStore
        + AccountStore
        + AlertStore
        + DayStore
        + TenantStore
        + EndpointStore
        + DeliveryStore
        + FairQueueStore
        + BatchStore
        + ApiKeyStore
        + OpenTaskStore
        + RetentionStore
        + RestorationStore
        + InputKeyStore
{
}

/// The parts by name, because several of them have methods with the same name.
impl dyn Store {
    pub fn tasks(&self) -> &dyn TaskStore {
        self
    }

    pub fn open_tasks(&self) -> &dyn OpenTaskStore {
        self
    }

    pub fn accounts(&self) -> &dyn AccountStore {
        self
    }

    pub fn alerts(&self) -> &dyn AlertStore {
        self
    }

    pub fn days(&self) -> &dyn DayStore {
        self
    }

    pub fn tenants(&self) -> &dyn TenantStore {
        self
    }

    pub fn endpoints(&self) -> &dyn EndpointStore {
        self
    }

    pub fn deliveries(&self) -> &dyn DeliveryStore {
        self
    }

    pub fn batches(&self) -> &dyn BatchStore {
        self
    }

    pub fn api_keys(&self) -> &dyn ApiKeyStore {
        self
    }

    pub fn retention(&self) -> &dyn RetentionStore {
        self
    }

    pub fn restorations(&self) -> &dyn RestorationStore {
        self
    }

    pub fn data_keys(&self) -> &dyn InputKeyStore {
        self
    }

    pub fn fair_queue(&self) -> &dyn FairQueueStore {
        self
    }
}
