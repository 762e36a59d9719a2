//! A data folder is seen to by whoever makes it from a backup, before anybody opens it.

use fluxgate_core::port::RestorationStore;

use super::SqliteStore;

impl RestorationStore for SqliteStore {}
