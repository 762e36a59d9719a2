//! Accounts of many tenants, read at once.

use std::collections::HashMap;

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::Account;

use super::DynamoStore;
use super::account::of_item;
use super::attribute::Item;
use super::key::Key;
use super::table::partition_key;

impl DynamoStore {
    /// In the order of the tenants, eventually consistent.
    pub(super) async fn accounts_eventual(&self, tenants: &[TenantId]) -> Result<Vec<Account>> {
        let keys: Vec<Key> = tenants.iter().map(Key::account).collect();
        let found = self.table.get_all_eventual(&keys).await?;
        let by_partition: HashMap<&str, &Item> = found
            .iter()
            .filter_map(|item| Some((partition_key(item)?, item)))
            .collect();
        let nothing = Item::new();
        let item = |key: &Key| *by_partition.get(key.pk.as_str()).unwrap_or(&&nothing);
        keys.iter().map(|key| of_item(item(key))).collect()
    }
}
