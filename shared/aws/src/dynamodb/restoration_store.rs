//! Whether the table was restored from a backup: its id differs from the one that the schema's item
//! has, until somebody has seen to it and notes the new one.

use async_trait::async_trait;
use fluxgate_core::port::RestorationStore;
use fluxgate_core::port::errors::restoration_needed;
use fluxgate_core::{Error, Result};

use super::DynamoStore;
use super::attribute::{Reader, text};
use super::key::Key;
use super::schema::TABLE_ID;
use super::transact::WriteOutcome;
use super::write::Write;

#[async_trait]
impl RestorationStore for DynamoStore {
    fn may_await_restoration(&self) -> bool {
        let standing = &self.table.standing;
        standing.looks_for_restorations() && (standing.is_restored() || !standing.is_sound())
    }

    /// Reads the schema's item each time while the table counts as restored: another function ends
    /// that.
    async fn check_restored(&self) -> Result<()> {
        if !self.table.standing.is_sound() {
            self.table.check().await?;
        }
        if !self.table.standing.is_restored() {
            return Ok(());
        }
        let marker = self.table.get(&Key::schema()).await?.unwrap_or_default();
        let belongs_to = Reader(&marker).optional_text(TABLE_ID)?;
        if belongs_to != self.table.standing.table_id().as_deref() {
            return Err(restoration_needed());
        }
        self.table.standing.set_restored(false);
        Ok(())
    }

    async fn restoration_done(&self) -> Result<()> {
        let Some(id) = self.table.standing.table_id() else {
            let text = "this function does not know which table it uses";
            return Err(Error::internal("table", text));
        };
        let write = Write::update(Key::schema())
            .set(TABLE_ID, text(id))
            .when("attribute_exists(#pk)");
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => {
                self.table.standing.set_restored(false);
                Ok(())
            }
            WriteOutcome::Refused(_) => {
                let text = "the table has lost the item with its schema version; restore it again";
                Err(Error::unavailable("table_half_restored", text))
            }
        }
    }
}
