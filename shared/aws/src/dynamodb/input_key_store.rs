//! Keys of inputs, in a table of their own without backups: an item for each tenant and month.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::Month;
use fluxgate_core::port::{Clock as _, InputKeyStore, RecentInputKeys, SystemClock};
use fluxgate_core::seal::{DataKey, DataKeys};
use fluxgate_core::time::Timestamp;

use super::DynamoStore;
use super::attribute::{Item, Reader, bytes, unreadable};
use super::error::contention;
use super::key::{Key, SK, tenant_partition};
use super::table::{Range, Table};
use super::transact::WriteOutcome;
use super::write::Write;

const INPUT_KEY_PREFIX: &str = "INPUTKEY#";
const KEYS: &str = "keys";
/// How often keys are removed again that others change at the same moment.
const TRIES: usize = 8;
/// For how long a request may go on that has sealed something.
const IN_PROGRESS_MS: u64 = 5_000;

/// The table of keys, and those that were read from it a moment ago.
#[derive(Debug)]
pub(super) struct InputKeys {
    table: Table,
    recent: RecentInputKeys,
}

impl InputKeys {
    pub(super) fn in_table(table: Table) -> Self {
        Self {
            table,
            recent: RecentInputKeys::default(),
        }
    }

    async fn read(
        &self,
        tenant: &TenantId,
        month: Month,
        consistent: bool,
    ) -> Result<Arc<DataKeys>> {
        let read_at = SystemClock.now();
        let key = Key::input_keys(tenant, month);
        let item = self.table.get_item(&key, consistent, None).await?;
        let keys = Arc::new(keys_of(item.as_ref())?);
        self.recent.put(tenant, month, &keys, read_at);
        Ok(keys)
    }

    /// Replaces keys that are known. Returns those that are there then.
    async fn replace(
        &self,
        tenant: &TenantId,
        month: Month,
        known: &DataKeys,
        after: DataKeys,
    ) -> Result<Arc<DataKeys>> {
        let (key, changed_at) = (Key::input_keys(tenant, month), SystemClock.now());
        let write = match after.is_empty() {
            true => Write::delete(key),
            false => Write::put(
                key,
                Item::from([(KEYS.to_owned(), bytes(after.to_bytes()))]),
            ),
        };
        let write = match known.is_empty() {
            true => write.when("attribute_not_exists(#pk)"),
            false => write
                .when("#keys = :known")
                .with(":known", bytes(known.to_bytes())),
        };
        let keys = match self.table.write(&[write]).await? {
            WriteOutcome::Written => after,
            WriteOutcome::Refused(found) => keys_of(found.into_iter().flatten().next().as_ref())?,
        };
        let keys = Arc::new(keys);
        self.recent.put(tenant, month, &keys, changed_at);
        Ok(keys)
    }
}

impl Key {
    fn input_keys(tenant: &TenantId, month: Month) -> Self {
        Self::of(tenant, format!("{INPUT_KEY_PREFIX}{month}"))
    }
}

fn keys_of(item: Option<&Item>) -> Result<DataKeys> {
    match item {
        Some(item) if !item.is_empty() => DataKeys::from_bytes(Reader(item).bytes(KEYS)?),
        _ => Ok(DataKeys::default()),
    }
}

#[async_trait]
impl InputKeyStore for DynamoStore {
    /// A key that a task was sealed with is not missed, because whoever does not find it asks for
    /// the keys as they are.
    async fn input_keys(&self, tenant: &TenantId, month: Month) -> Result<Arc<DataKeys>> {
        let keys = &self.input_keys;
        match keys.recent.get(tenant, month, SystemClock.now()) {
            Some(recent) => Ok(recent),
            None => keys.read(tenant, month, false).await,
        }
    }

    async fn input_keys_now(&self, tenant: &TenantId, month: Month) -> Result<Arc<DataKeys>> {
        self.input_keys.read(tenant, month, true).await
    }

    async fn add_input_key(
        &self,
        tenant: &TenantId,
        month: Month,
        known: &DataKeys,
        key: DataKey,
    ) -> Result<Arc<DataKeys>> {
        let after = known.with(key);
        self.input_keys.replace(tenant, month, known, after).await
    }

    async fn input_key_months(&self, tenant: &TenantId) -> Result<Vec<Month>> {
        let range = Range {
            projection: Some("#sk"),
            ..Range::prefixed(tenant_partition(tenant), INPUT_KEY_PREFIX)
        };
        let items = self.input_keys.table.query(range).await?;
        let month = |item: &Item| {
            let month = Reader(item).text(SK)?.strip_prefix(INPUT_KEY_PREFIX);
            month.ok_or_else(|| unreadable(SK))?.parse()
        };
        items.iter().map(month).collect()
    }

    async fn remove_input_keys(
        &self,
        tenant: &TenantId,
        month: Month,
        before: Timestamp,
    ) -> Result<()> {
        let mut known = self.input_keys.read(tenant, month, true).await?;
        for _ in 0..TRIES {
            let after = known.since(before);
            if after.len() == known.len() {
                return Ok(());
            }
            let removed = self.input_keys.replace(tenant, month, &known, after);
            known = removed.await?;
        }
        Err(contention())
    }

    fn input_keys_settle_ms(&self) -> u64 {
        RecentInputKeys::LATE_MS + IN_PROGRESS_MS
    }
}
