//! The store: everything that a change may have to write in one transaction.

use super::{
    AccountStore, BatchStore, DeliveryStore, EndpointStore, FairQueueStore, TaskStore, TenantStore,
};

/// Everything that shares transactions is one port, so that wiring cannot mix two stores: a task,
/// its hold, its deliveries and its slot are in one database, or in one table.
pub trait Store
where
    Self: TaskStore + AccountStore + TenantStore,
    Self: EndpointStore + DeliveryStore + BatchStore + FairQueueStore,
{
}

impl<T> Store for T where
    T: TaskStore
        + AccountStore
        + TenantStore
        + EndpointStore
        + DeliveryStore
        + FairQueueStore
        + BatchStore
{
}

/// The parts by name, because several of them have methods with the same name.
impl dyn Store {
    pub fn tasks(&self) -> &dyn TaskStore {
        self
    }

    pub fn accounts(&self) -> &dyn AccountStore {
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

    pub fn fair_queue(&self) -> &dyn FairQueueStore {
        self
    }
}
