//! The suites on SQLite.

use fluxgate_tests::contract::Stores;

/// A database of its own for each test.
async fn stores() -> (Stores, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Stores::on_sqlite(folder.path()), folder)
}

every_behaviour!();
