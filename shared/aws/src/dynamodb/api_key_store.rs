//! API keys, in the partition of their tenant, and the installation as their issuer.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{KeyId, TenantId};
use fluxgate_core::money::{KeyCount, MicroUsd, Month};
use fluxgate_core::port::ApiKeyStore;
use fluxgate_core::port::errors::{issuer_changed, no_such_key};
use fluxgate_core::tenant::{ApiKey, Issuer, KeysChange};
use fluxgate_core::time::Timestamp;

use super::attribute::number;
use super::key::{API_KEY_PREFIX, Key, tenant_partition};
use super::table::Range;
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, json_item, key_use, tenant_store};

const LAST_USED_AT: &str = "last_used_at";

#[async_trait]
impl ApiKeyStore for DynamoStore {
    async fn change_keys(&self, change: &KeysChange) -> Result<()> {
        let KeysChange {
            tenant,
            put,
            removed,
            entry,
        } = change;
        let version = tenant.version.saturating_sub(1);
        self.at_version(&tenant.id, version).await?;
        let record = tenant_store::if_version(tenant_store::record(tenant)?, version);
        let mut writes = vec![record, tenant_store::logged(entry)?];
        for key in put {
            let item = json_item::to_item(key)?;
            writes.push(Write::put(Key::api_key(&tenant.id, &key.id), item));
        }
        let removed = removed.iter().map(|id| Key::api_key(&tenant.id, id));
        writes.extend(removed.map(Write::delete));
        self.replace(&tenant.id, &writes).await
    }

    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>> {
        let range = Range::prefixed(tenant_partition(tenant), API_KEY_PREFIX);
        let items = self.table.query(range).await?;
        items.iter().map(json_item::from_item).collect()
    }

    async fn get_key(&self, tenant: &TenantId, id: &KeyId) -> Result<ApiKey> {
        let found = self.table.get(&Key::api_key(tenant, id)).await?;
        json_item::from_item(&found.ok_or_else(|| no_such_key(id))?)
    }

    async fn note_key_use(&self, tenant: &TenantId, id: &KeyId, hour: Timestamp) -> Result<()> {
        let earlier = "attribute_exists(#pk) AND (attribute_not_exists(#last_used_at) OR #last_used_at < :last_used_at)";
        let write = Write::update(Key::api_key(tenant, id))
            .when(earlier)
            .set(LAST_USED_AT, number(hour.0));
        self.table.write(&[write]).await.map(drop)
    }

    async fn key_use(&self, tenant: &TenantId, counter: &KeyId, month: Month) -> Result<MicroUsd> {
        let count = KeyCount {
            counter: counter.clone(),
            month,
        };
        let found = self.table.get(&Key::key_use(tenant, &count)).await?;
        key_use::used(&found.unwrap_or_default())
    }

    async fn issuer(&self) -> Result<Option<Issuer>> {
        let found = self.table.get(&Key::issuer()).await?;
        found.as_ref().map(json_item::from_item).transpose()
    }

    async fn put_issuer(&self, issuer: &Issuer) -> Result<()> {
        let write = Write::put(Key::issuer(), json_item::to_item(issuer)?);
        let before = issuer.version.saturating_sub(1);
        let write = match before {
            0 => write.when("attribute_not_exists(#pk)"),
            _ => write
                .when("#version = :before")
                .with(":before", number(before)),
        };
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => Ok(()),
            WriteOutcome::Refused(_) => Err(issuer_changed()),
        }
    }
}
