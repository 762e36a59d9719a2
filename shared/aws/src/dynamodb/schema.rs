//! The version of the table's layout, written by the first function that uses the table, and
//! whether the table is one that may be used: not half of one, and not one restored from a backup
//! that nobody has seen to.

use aws_sdk_dynamodb::types::{TableDescription, TableStatus};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

use super::DynamoStore;
use super::attribute::{Item, Reader, number, text};
use super::error::contention;
use super::key::{Key, TENANTS};
use super::table::{Range, Table};
use super::transact::WriteOutcome;
use super::write::Write;

/// The version that this code reads and writes. It is raised by a change that an older release
/// cannot read.
const SCHEMA_VERSION: i64 = 1;

const VERSION: &str = "version";
/// From when on daily sums are written with their entries.
const DAYS_SINCE: &str = "days_since";
/// The table that the data belong to, by DynamoDB's own id. A backup has that of its table.
pub(super) const TABLE_ID: &str = "table_id";
/// Older releases write no sums. So long after this release was first used, none of their functions
/// is left: AWS ends a call after 15 minutes.
const OLDER_RELEASES_MAX_MS: u64 = 30 * 60_000;
/// How often the marker is read again that another function wrote at the same time.
const TRIES: usize = 4;

/// What DynamoDB says of the table.
struct Described {
    id: String,
    is_from_backup: bool,
}

impl DynamoStore {
    /// Fails with kind `Unavailable`, whatever is wrong with the table: it is missing or still
    /// being restored, is half of one, has another version, is none of Fluxgate's, or does not
    /// answer. Each may be put right while the function runs.
    pub async fn check_schema(&self) -> Result<()> {
        self.table.check().await
    }

    /// False before a check is passed, and again once the table is gone: whatever has its name next
    /// may be another one.
    pub fn is_checked(&self) -> bool {
        self.table.standing.is_sound()
    }

    /// From now on a check finds out whether the table was restored from a backup. For functions
    /// that submit, or see to it.
    pub fn look_for_restorations(&self) {
        self.table.standing.look_for_restorations();
    }
}

impl Table {
    pub(super) async fn check(&self) -> Result<()> {
        let checked = self.checked_once().await;
        self.standing.set_sound(checked.is_ok());
        checked
    }

    async fn checked_once(&self) -> Result<()> {
        let described = match self.standing.looks_for_restorations() {
            true => Some(self.described().await?),
            false => None,
        };
        for _ in 0..TRIES {
            if let Some(marker) = self.marked(described.as_ref()).await? {
                let since = Reader(&marker).number(DAYS_SINCE).map(Timestamp)?;
                self.standing.days.begin(since);
                return self.compare(&marker, described);
            }
        }
        Err(contention())
    }

    /// The marker, with what was missing in it; `None` if another function wrote it meanwhile.
    async fn marked(&self, described: Option<&Described>) -> Result<Option<Item>> {
        let found = self.get(&Key::schema()).await;
        let found = found.map_err(|error| self.of_other_keys(error))?;
        let (mut marker, mut condition) = match found {
            Some(marker) => (marker, Vec::new()),
            None => (Item::new(), vec!["attribute_not_exists(#pk)".to_owned()]),
        };
        let days_since = match condition.is_empty() {
            true => {
                self.check_version(&marker)?;
                SystemClock.now().plus_ms(OLDER_RELEASES_MAX_MS)
            }
            false => {
                self.check_empty().await?;
                if self.is_adopted {
                    return Err(self.foreign("has no schema version"));
                }
                marker.insert(VERSION.to_owned(), number(SCHEMA_VERSION));
                Timestamp(0)
            }
        };
        // A table that an earlier release knew, and that was restored since, has no id: it is not
        // given one before somebody has seen to it.
        let id = described.filter(|it| !it.is_from_backup).map(|it| &it.id);
        let additions = [
            (DAYS_SINCE, Some(number(days_since.0))),
            (TABLE_ID, id.map(text)),
        ];
        let mut is_whole = condition.is_empty();
        for (name, value) in additions {
            if let (Some(value), false) = (value, marker.contains_key(name)) {
                marker.insert(name.to_owned(), value);
                condition.push(format!("attribute_not_exists(#{name})"));
                is_whole = false;
            }
        }
        if is_whole {
            return Ok(Some(marker));
        }
        let write = Write::put(Key::schema(), marker.clone()).when(&condition.join(" AND "));
        Ok(match self.write(&[write]).await? {
            WriteOutcome::Written => Some(marker),
            WriteOutcome::Refused(_) => None,
        })
    }

    fn check_version(&self, marker: &Item) -> Result<()> {
        let version: i64 = Reader(marker).number(VERSION)?;
        if version == SCHEMA_VERSION {
            return Ok(());
        }
        let text = format!(
            "the table '{}' has schema version {version} and this program knows {SCHEMA_VERSION}; use the matching release",
            self.name
        );
        Err(Error::unavailable("schema_version", text))
    }

    /// A table without a marker is new. Backups are whole, but a copy that somebody makes item by
    /// item is not before its end.
    async fn check_empty(&self) -> Result<()> {
        let tenants = self.query(Range {
            limit: 1,
            projection: Some("#sk"),
            ..Range::whole(TENANTS.to_owned())
        });
        if tenants.await?.is_empty() {
            return Ok(());
        }
        let text = format!(
            "the table '{}' has tenants and no schema version: it is a part of another table; wait until its copy is whole, or restore a backup into another table and name that one",
            self.name
        );
        Err(Error::unavailable("table_half_restored", text))
    }

    async fn described(&self) -> Result<Described> {
        let sent = self.client.describe_table().table_name(&self.name).send();
        let described = Box::pin(sent)
            .await
            .map_err(|error| self.error("DescribeTable", &error))?;
        let table = described
            .table
            .unwrap_or_else(|| TableDescription::builder().build());
        // An update or an index does not keep anybody from using the table.
        if let Some(status @ (TableStatus::Creating | TableStatus::Deleting)) = table.table_status()
        {
            let text = format!(
                "the table '{}' is {}; wait until it is ACTIVE",
                self.name,
                status.as_str()
            );
            return Err(Error::unavailable("table_not_ready", text));
        }
        let id = table.table_id().ok_or_else(|| {
            let text = format!("DynamoDB does not tell the id of the table '{}'", self.name);
            Error::unavailable("table_unavailable", text)
        })?;
        Ok(Described {
            id: id.to_owned(),
            is_from_backup: table.restore_summary().is_some(),
        })
    }

    /// Whether the data are those of the table that they are in.
    fn compare(&self, marker: &Item, described: Option<Described>) -> Result<()> {
        let Some(described) = described else {
            return Ok(());
        };
        let is_restored = Reader(marker).optional_text(TABLE_ID)? != Some(&described.id);
        self.standing.note_table_id(described.id);
        self.standing.set_restored(is_restored);
        if is_restored {
            let table = &*self.name;
            tracing::error!(
                table,
                "the table was restored from a backup: submits are refused until 'fluxgate restoration start' has seen to the tasks in it"
            );
        }
        Ok(())
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
            self.name
        );
        Error::unavailable("table_foreign", text)
    }
}
