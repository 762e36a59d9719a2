//! The one table, and reads from it.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use fluxgate_core::{Error, Result};

use super::attribute::{Item, text};
use super::error::{contention, table_error};
use super::key::{Key, PK, SK};
use super::standing::Standing;
use super::transact::backoff;
use super::write::names_in;
use crate::failure::code;

/// DynamoDB's limit for one batch.
const BATCH_KEYS_MAX: usize = 100;
/// How often the keys that a batch left out are requested again.
const BATCH_ATTEMPTS_MAX: u32 = 8;

/// A table of partition key `pk`, sort key `sk` (both strings) and TTL attribute `expires_at`.
#[derive(Clone)]
pub struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    /// It was made for another stack: it has a schema already.
    pub(super) is_adopted: bool,
    pub(super) standing: Arc<Standing>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.name).finish()
    }
}

/// Items of one partition whose sort keys are between two keys, both included.
pub(super) struct Range<'a> {
    pub(super) pk: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) newest_first: bool,
    /// Stops after this many.
    pub(super) limit: usize,
    /// The attributes to return, as `#a, #b`; all if `None`.
    pub(super) projection: Option<&'a str>,
    /// The filter that an item must match to count.
    pub(super) filter: Option<&'a str>,
    /// Whether the read is strongly consistent. An eventually consistent read costs half as much.
    pub(super) consistent: bool,
}

impl Range<'_> {
    /// All items of a partition whose sort keys are ids or start with one.
    pub(super) fn whole(pk: String) -> Self {
        // DynamoDB does not accept an empty key; '!' sorts before every character of an id.
        Self {
            from: "!".to_owned(),
            ..Self::prefixed(pk, "")
        }
    }

    /// All items whose sort key starts with the prefix, in order.
    pub(super) fn prefixed(pk: String, prefix: &str) -> Self {
        // '~' sorts after every character of an id or a digest.
        let (from, to) = (prefix.to_owned(), format!("{prefix}~"));
        Self {
            pk,
            from,
            to,
            newest_first: false,
            limit: usize::MAX,
            projection: None,
            filter: None,
            consistent: true,
        }
    }
}

impl Table {
    /// Does not connect yet.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self {
            client,
            name: name.into(),
            is_adopted: false,
            standing: Arc::default(),
        }
    }

    /// A table that must have its schema already, such as a restored one: none is written into it.
    #[must_use]
    pub fn adopted(self) -> Self {
        Self {
            is_adopted: true,
            ..self
        }
    }

    pub(super) fn error<E>(&self, action: &str, error: &SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if code(error) == "ResourceNotFoundException" {
            // Whatever has this name next may be another table.
            self.standing.set_sound(false);
        }
        table_error(&self.name, action, error)
    }

    /// The item, strongly consistent.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.get_item(key, true, None).await
    }

    /// The item, eventually consistent, at half the price.
    pub(super) async fn get_eventual(
        &self,
        key: &Key,
        projection: Option<&str>,
    ) -> Result<Option<Item>> {
        self.get_item(key, false, projection).await
    }

    /// Like [`Self::get_eventual`], but never stale about whether the item exists.
    pub(super) async fn get_eventual_or_get(
        &self,
        key: &Key,
        projection: Option<&str>,
    ) -> Result<Option<Item>> {
        match self.get_eventual(key, projection).await? {
            None => self.get_item(key, true, projection).await,
            found => Ok(found),
        }
    }

    pub(super) async fn get_item(
        &self,
        key: &Key,
        consistent: bool,
        projection: Option<&str>,
    ) -> Result<Option<Item>> {
        let sent = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(consistent)
            .set_projection_expression(projection.map(str::to_owned))
            .set_expression_attribute_names(projection.and_then(names_in))
            .send();
        let answer = Box::pin(sent)
            .await
            .map_err(|error| self.error("GetItem", &error))?;
        Ok(answer.item)
    }

    pub(super) async fn query(&self, range: Range<'_>) -> Result<Vec<Item>> {
        let condition = "#pk = :pk AND #sk BETWEEN :from AND :to";
        let (projection, filter) = (
            range.projection.unwrap_or_default(),
            range.filter.unwrap_or_default(),
        );
        let expressions = format!("{condition} {projection} {filter}");
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let left = range.limit.saturating_sub(found.len());
            let page = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(range.consistent)
                .key_condition_expression(condition)
                .set_filter_expression(range.filter.map(str::to_owned))
                .set_projection_expression(range.projection.map(str::to_owned))
                .set_expression_attribute_names(names_in(&expressions))
                .expression_attribute_values(":pk", text(&range.pk))
                .expression_attribute_values(":from", text(&range.from))
                .expression_attribute_values(":to", text(&range.to))
                .scan_index_forward(!range.newest_first)
                .set_limit(i32::try_from(left).ok())
                .set_exclusive_start_key(after)
                .send();
            let page = Box::pin(page)
                .await
                .map_err(|error| self.error("Query", &error))?;
            found.extend(page.items.unwrap_or_default());
            after = page.last_evaluated_key;
            if after.is_none() || found.len() >= range.limit {
                return Ok(found);
            }
        }
    }

    /// The items that exist, in no particular order. The keys must be distinct.
    pub(super) async fn get_all(&self, keys: &[Key]) -> Result<Vec<Item>> {
        self.get_batches(keys, true).await
    }

    /// Like [`Self::get_all`], eventually consistent, at half the price.
    pub(super) async fn get_all_eventual(&self, keys: &[Key]) -> Result<Vec<Item>> {
        self.get_batches(keys, false).await
    }

    pub(super) async fn get_batches(&self, keys: &[Key], consistent: bool) -> Result<Vec<Item>> {
        let mut found = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH_KEYS_MAX) {
            let mut wanted: Vec<Item> = chunk.iter().map(Key::attributes).collect();
            for attempt in 0..BATCH_ATTEMPTS_MAX {
                wanted = self.get_batch(wanted, consistent, &mut found).await?;
                if wanted.is_empty() {
                    break;
                }
                tokio::time::sleep(backoff(attempt)).await;
            }
            if !wanted.is_empty() {
                return Err(contention());
            }
        }
        Ok(found)
    }

    /// Returns the keys that the batch left out.
    async fn get_batch(
        &self,
        keys: Vec<Item>,
        consistent: bool,
        found: &mut Vec<Item>,
    ) -> Result<Vec<Item>> {
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(consistent)
            .build()
            .map_err(|error| Error::internal("table", "a batch is incomplete").source(error))?;
        let sent = self
            .client
            .batch_get_item()
            .request_items(&self.name, wanted)
            .send();
        let answer = Box::pin(sent)
            .await
            .map_err(|error| self.error("BatchGetItem", &error))?;
        found.extend(answer.responses.unwrap_or_default().into_values().flatten());
        let left = answer.unprocessed_keys.unwrap_or_default().into_values();
        Ok(left.flat_map(|keys| keys.keys).collect())
    }
}

/// The sort key of an item that was read in full.
pub(super) fn sort_key(item: &Item) -> Option<&str> {
    item.get(SK)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
}

/// The partition key of an item that was read in full.
pub(super) fn partition_key(item: &Item) -> Option<&str> {
    item.get(PK)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
}
