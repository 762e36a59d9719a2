//! How far the exports of usage have got.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::usage::UsageCursor;
use fluxgate_core::port::UsageCursors;
use fluxgate_core::port::errors::export_went_on;

use super::attribute::{number, text};
use super::key::Key;
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, json_item};

#[async_trait]
impl UsageCursors for DynamoStore {
    async fn cursor(&self, place: &str, tenant: &TenantId) -> Result<UsageCursor> {
        match self.table.get(&Key::usage_cursor(place, tenant)).await? {
            Some(item) => json_item::from_item(&item),
            None => Ok(UsageCursor::default()),
        }
    }

    async fn save_cursor(
        &self,
        place: &str,
        tenant: &TenantId,
        cursor: &UsageCursor,
    ) -> Result<()> {
        let mut item = json_item::to_item(cursor)?;
        // For people who look at the table: the key has only a digest.
        item.insert("place".to_owned(), text(place));
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
}
