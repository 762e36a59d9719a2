//! The suites on SQLite.

use std::sync::Arc;

use fluxgate_core::port::SystemClock;
use fluxgate_embedded::SqliteStore;
use fluxgate_tests::contract::Stores;

/// A database of its own for each test.
async fn stores() -> (Stores, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap());
    let stores = Stores {
        tasks: store.clone(),
        accounts: store.clone(),
        tenants: store.clone(),
        endpoints: store.clone(),
        deliveries: store.clone(),
        line: store.clone(),
        queue: store,
    };
    (stores, folder)
}

every_behaviour!();
