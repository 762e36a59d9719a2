//! Listings: rows and plain files in one order of keys, by pages. What a delimiter groups together
//! is skipped and not read.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use fluxgate_core::time::Timestamp;

use super::plain::{self, PlainFile};
use super::{Objects, blocking};
use crate::sqlite::ListedObject;

/// Rows read at a time.
const ROWS: usize = 1000;
/// Above every key that begins with what comes before it.
const ABOVE: &str = "\u{10FFFF}\u{10FFFF}";

/// What to list.
pub(crate) struct Listing {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// Only keys and groups above this one.
    pub(crate) after: String,
    pub(crate) limit: usize,
}

/// One page of a listing.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Entry>,
    /// What the keys that the delimiter groups together begin with.
    pub(crate) groups: Vec<String>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) modified: Timestamp,
    /// Base64; `None` for a file that somebody put there by hand.
    pub(crate) sha256: Option<String>,
}

/// Goes through a bucket's keys in order.
struct Walk<'a> {
    objects: &'a Objects,
    listing: &'a Listing,
    plain: BTreeMap<String, PlainFile>,
    rows: VecDeque<ListedObject>,
    /// Only keys above this one are still to come.
    after: String,
}

impl Objects {
    pub(crate) async fn list(&self, listing: &Listing) -> std::io::Result<Page> {
        let mut walk = Walk {
            objects: self,
            listing,
            plain: self.plain_files(listing).await?,
            rows: VecDeque::new(),
            after: listing.after.clone(),
        };
        let mut page = Page::default();
        let mut last = None;
        if listing
            .group(&listing.after)
            .is_some_and(|group| group == listing.after)
        {
            walk.skip(&listing.after);
        }
        while let Some(entry) = walk.next().await? {
            if page.objects.len() + page.groups.len() >= listing.limit {
                page.next = last;
                break;
            }
            match listing.group(&entry.key) {
                Some(group) => {
                    walk.skip(group);
                    last = Some(group.to_owned());
                    page.groups.push(group.to_owned());
                }
                None => {
                    last = Some(entry.key.clone());
                    page.objects.push(entry);
                }
            }
        }
        Ok(page)
    }

    async fn plain_files(&self, listing: &Listing) -> std::io::Result<BTreeMap<String, PlainFile>> {
        let (objects, bucket) = (self.clone(), listing.bucket.clone());
        let prefix = listing.prefix.clone();
        blocking(move || plain::list(&objects.inner.folder, &bucket, &prefix)).await
    }
}

impl Listing {
    /// What a key is grouped under, if it has the delimiter after the prefix.
    fn group<'a>(&self, key: &'a str) -> Option<&'a str> {
        let delimiter = self.delimiter.as_deref().filter(|text| !text.is_empty())?;
        let rest = key.strip_prefix(&self.prefix)?;
        let at = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        Some(&key[..at])
    }
}

impl Walk<'_> {
    async fn next(&mut self) -> std::io::Result<Option<Entry>> {
        if self.rows.is_empty() {
            let Listing { bucket, prefix, .. } = self.listing;
            let store = &self.objects.inner.store;
            let rows = store.list_objects(bucket, prefix, &self.after, ROWS).await;
            self.rows = rows.map_err(std::io::Error::other)?.into();
        }
        let above = (Bound::Excluded(self.after.as_str()), Bound::Unbounded);
        let plain = self.plain.range::<str, _>(above).next();
        let entry = match (self.rows.front(), plain) {
            (Some(row), Some((key, _))) if row.key <= *key => row.into(),
            (Some(row), None) => row.into(),
            (_, Some((key, file))) => Entry {
                key: key.clone(),
                bytes: file.bytes,
                modified: file.modified,
                sha256: None,
            },
            (None, None) => return Ok(None),
        };
        self.go_to(entry.key.clone());
        Ok(Some(entry))
    }

    /// Leaves out what begins with this.
    fn skip(&mut self, group: &str) {
        self.go_to(format!("{group}{ABOVE}"));
    }

    fn go_to(&mut self, key: String) {
        while self.rows.front().is_some_and(|row| row.key <= key) {
            self.rows.pop_front();
        }
        self.after = key;
    }
}

impl From<&ListedObject> for Entry {
    fn from(row: &ListedObject) -> Self {
        Self {
            key: row.key.clone(),
            bytes: row.bytes,
            modified: row.id.time(),
            sha256: row.sha256.clone(),
        }
    }
}
