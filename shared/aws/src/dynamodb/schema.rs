//! The version of the table's layout, written by the first function that uses the table, unless the
//! table was adopted.

use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::time::Timestamp;
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
/// From when on daily sums are written with their entries.
const DAYS_SINCE: &str = "days_since";
/// Older releases write no sums. So long after this release was first used, none of their functions
/// is left: AWS ends a call after 15 minutes.
const OLDER_RELEASES_MAX_MS: u64 = 30 * 60_000;

impl DynamoStore {
    /// Fails with kind `Unavailable`, whatever is wrong with the table: it is missing or still
    /// being restored, has another version, is none of Fluxgate's, or does not answer. Each may be
    /// put right while the function runs.
    pub async fn check_schema(&self) -> Result<()> {
        let marker = self.table.get(&Key::schema()).await;
        let marker = marker.map_err(|error| self.of_other_keys(error))?;
        let days_since = match &marker {
            Some(marker) if marker.contains_key(DAYS_SINCE) => return self.check_marker(marker),
            Some(marker) => {
                self.check_version(marker)?;
                SystemClock.now().plus_ms(OLDER_RELEASES_MAX_MS)
            }
            None if self.table.is_adopted => {
                return Err(self.foreign("has no schema version"));
            }
            None => Timestamp(0),
        };
        let marker = Item::from([
            (VERSION.to_owned(), number(SCHEMA_VERSION)),
            (DAYS_SINCE.to_owned(), number(days_since.0)),
        ]);
        let write =
            Write::put(Key::schema(), marker.clone()).when("attribute_not_exists(#days_since)");
        match self.table.write(&[write]).await? {
            WriteOutcome::Written => self.check_marker(&marker),
            // Another function wrote it first.
            WriteOutcome::Refused(found) => {
                self.check_marker(&found.into_iter().flatten().next().unwrap_or_default())
            }
        }
    }

    fn check_marker(&self, marker: &Item) -> Result<()> {
        self.check_version(marker)?;
        let since = Reader(marker).number(DAYS_SINCE).map(Timestamp)?;
        self.days.begin(since);
        Ok(())
    }

    fn check_version(&self, marker: &Item) -> Result<()> {
        let version: i64 = Reader(marker).number(VERSION)?;
        if version == SCHEMA_VERSION {
            return Ok(());
        }
        let text = format!(
            "the table '{}' has schema version {version} and this program knows {SCHEMA_VERSION}; use the matching release",
            self.table.name
        );
        Err(Error::unavailable("schema_version", text))
    }

    /// DynamoDB takes a key that is none of the table's for a malformed one.
    fn of_other_keys(&self, error: Error) -> Error {
        match error.code {
            "table_refused" => self.foreign("has other keys than pk and sk").source(error),
            _ => error,
        }
    }

    fn foreign(&self, why: &str) -> Error {
        let text = format!(
            "the table '{}' {why}: it is not Fluxgate's, or was not restored whole; correct the parameter ExistingTableName",
            self.table.name
        );
        Error::unavailable("table_foreign", text)
    }
}
