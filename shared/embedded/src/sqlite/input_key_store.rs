//! Keys of inputs, which lie in a file of their own.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::Month;
use fluxgate_core::port::InputKeyStore;
use fluxgate_core::seal::{DataKey, DataKeys};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

use super::SqliteStore;
use crate::input_keys::InputKeyFile;

#[async_trait]
impl InputKeyStore for SqliteStore {
    async fn input_keys(&self, tenant: &TenantId, month: Month) -> Result<Arc<DataKeys>> {
        self.input_keys.recent(tenant, month, self.clock.now())
    }

    async fn input_keys_now(&self, tenant: &TenantId, month: Month) -> Result<Arc<DataKeys>> {
        self.input_keys.keys(tenant, month, self.clock.now())
    }

    async fn add_input_key(
        &self,
        tenant: &TenantId,
        month: Month,
        known: &DataKeys,
        key: DataKey,
    ) -> Result<Arc<DataKeys>> {
        let (tenant, known, now) = (tenant.clone(), known.to_bytes(), self.clock.now());
        self.with_input_keys(move |file| file.add(&tenant, month, (&known, key), now))
            .await
    }

    async fn input_key_months(&self, tenant: &TenantId) -> Result<Vec<Month>> {
        self.input_keys.months(tenant)
    }

    async fn remove_input_keys(
        &self,
        tenant: &TenantId,
        month: Month,
        before: Timestamp,
    ) -> Result<()> {
        let tenant = tenant.clone();
        self.with_input_keys(move |file| file.remove(&tenant, month, before))
            .await
    }

    /// One process alone seals: the one that serves the folder.
    fn input_keys_settle_ms(&self) -> u64 {
        0
    }
}

impl SqliteStore {
    /// A write waits for the disk, and so not on the threads that serve requests.
    async fn with_input_keys<T: Send + 'static>(
        &self,
        work: impl FnOnce(&InputKeyFile) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer()?;
        let file = self.input_keys.clone();
        let done = tokio::task::spawn_blocking(move || work(&file)).await;
        done.map_err(|error| {
            let text = "the write of an input key was interrupted";
            Error::internal("database", text).source(error)
        })?
    }
}
