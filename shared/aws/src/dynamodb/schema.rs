//! The version of the table's layout, written by the first function that uses the table.

use fluxgate_core::{Error, Result};

use super::DynamoStore;
use super::attribute::{Item, Reader, number};
use super::key::Key;
use super::transact::WriteOutcome;
use super::write::Write;

/// The version that this code reads and writes. It is raised by a change that an older release
/// cannot read.
const SCHEMA_VERSION: i64 = 1;

const VERSION: &str = "version";

impl DynamoStore {
    /// Fails with kind `Internal` if the table is missing or has another version, with
    /// `Unavailable` if it does not answer.
    pub async fn check_schema(&self) -> Result<()> {
        if let Some(marker) = self.table.get(&Key::schema()).await? {
            return self.check_marker(&marker);
        }
        let marker = Item::from([(VERSION.to_owned(), number(SCHEMA_VERSION))]);
        let write = Write::put(Key::schema(), marker).when("attribute_not_exists(#pk)");
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => Ok(()),
            // Another function wrote it first.
            WriteOutcome::Refused(found) => {
                self.check_marker(&found.into_iter().flatten().next().unwrap_or_default())
            }
        }
    }

    fn check_marker(&self, marker: &Item) -> Result<()> {
        let version: i64 = Reader(marker).number(VERSION)?;
        if version == SCHEMA_VERSION {
            return Ok(());
        }
        let text = format!(
            "the table '{}' has schema version {version} and this program knows {SCHEMA_VERSION}; use the matching release",
            self.table.name
        );
        Err(Error::internal("schema_version", text))
    }
}
