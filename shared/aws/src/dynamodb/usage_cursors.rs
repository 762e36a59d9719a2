//! How far the exports of usage have got.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::usage::UsageCursor;
use fluxgate_core::port::errors::export_went_on;
use fluxgate_core::port::{BegunExport, UsageCursors};

use super::attribute::{Item, number, text};
use super::key::{EXPORT_PREFIX, Key, tenant_partition};
use super::table::Range;
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, json_item};

const PLACE: &str = "place";

#[async_trait]
impl UsageCursors for DynamoStore {
    async fn cursor(&self, place: &str, tenant: &TenantId) -> Result<UsageCursor> {
        match self.table.get(&Key::usage_cursor(place, tenant)).await? {
            Some(item) => json_item::from_item(&item),
            None => Ok(UsageCursor::default()),
        }
    }

    async fn cursors(&self, tenant: &TenantId) -> Result<Vec<BegunExport>> {
        let all = Range::prefixed(tenant_partition(tenant), EXPORT_PREFIX);
        let items = self.table.query(all).await?;
        items.iter().map(begun).collect()
    }

    async fn save_cursor(
        &self,
        place: &str,
        tenant: &TenantId,
        cursor: &UsageCursor,
    ) -> Result<()> {
        let mut item = json_item::to_item(cursor)?;
        // The key has only a digest.
        item.insert(PLACE.to_owned(), text(place));
        let write = Write::put(Key::usage_cursor(place, tenant), item);
        let write = match cursor.version {
            1 => write.when("attribute_not_exists(#pk)"),
            version => write
                .when("#version = :version")
                .with(":version", number(version.saturating_sub(1))),
        };
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => Ok(()),
            WriteOutcome::Refused(_) => Err(export_went_on()),
        }
    }

    async fn forget_cursor(&self, place: &str, tenant: &TenantId) -> Result<()> {
        let forgotten = Write::delete(Key::usage_cursor(place, tenant));
        self.table.write(&[forgotten]).await.map(drop)
    }
}

fn begun(item: &Item) -> Result<BegunExport> {
    let place = item.get(PLACE).and_then(|place| place.as_s().ok());
    Ok(BegunExport {
        place: place.cloned().unwrap_or_default(),
        cursor: json_item::from_item(item)?,
    })
}
