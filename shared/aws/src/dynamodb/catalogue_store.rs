//! The provider's catalogue: one small item says which is stored, and its entries lie compressed in
//! items that never change. So one that is read anew and has not changed is a small write.

use std::io::{Read as _, Write as _};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use fluxgate_core::digest::{Sha256, sha256};
use fluxgate_core::port::{CatalogueStore, StoredCatalogue};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Reason, Result};

use super::DynamoStore;
use super::attribute::{Item, Reader, bytes, number};
use super::key::Key;
use super::transact::WriteOutcome;
use super::write::Write;

/// An item has at most 400 KB, with its key and names.
const PART_BYTES: usize = 350_000;
/// More entries are not read: each process has them in memory.
const ENTRIES_BYTES_MAX: u64 = 32 * 1024 * 1024;

const READ_AT: &str = "read_at";
const SHA256: &str = "sha256";
const PARTS: &str = "parts";
const CLAIMED_UNTIL: &str = "claimed_until";
const BODY: &str = "body";

/// What the small item says.
struct Head {
    read_at: Timestamp,
    sha256: Sha256,
    parts: usize,
}

impl Head {
    /// `None` before the first catalogue is stored.
    fn of(item: &Item) -> Result<Option<Self>> {
        let reader = Reader(item);
        let Some(read_at) = reader.optional_number(READ_AT)? else {
            return Ok(None);
        };
        let sha256 = reader.bytes(SHA256)?.try_into().map_err(|_| unreadable())?;
        Ok(Some(Self {
            read_at: Timestamp(read_at),
            sha256,
            parts: reader.number(PARTS)?,
        }))
    }

    fn keys(&self) -> impl Iterator<Item = Key> {
        let sha256 = self.sha256;
        (0..self.parts).map(move |n| Key::catalogue_part(&sha256, n))
    }
}

#[async_trait]
impl CatalogueStore for DynamoStore {
    async fn catalogue_eventual(&self, known: Option<&Sha256>) -> Result<Option<StoredCatalogue>> {
        let item = self.table.get_eventual(&Key::catalogue(), None).await?;
        let Some(head) = item.as_ref().map(Head::of).transpose()?.flatten() else {
            return Ok(None);
        };
        let (read_at, sha256) = (head.read_at, head.sha256);
        let entries = if known == Some(&sha256) {
            None
        } else {
            let Some(entries) = self.entries(&head).await? else {
                return Ok(None);
            };
            Some(entries)
        };
        Ok(Some(StoredCatalogue {
            read_at,
            sha256,
            entries,
        }))
    }

    async fn claim_catalogue(
        &self,
        seen: Option<Timestamp>,
        now: Timestamp,
        for_ms: u64,
    ) -> Result<bool> {
        let claim = Write::update(Key::catalogue())
            .set(CLAIMED_UNTIL, number(now.plus_ms(for_ms).0))
            .when("(attribute_not_exists(#claimed_until) OR #claimed_until <= :now)")
            .with(":now", number(now.0));
        let claim = match seen {
            Some(seen) => claim.and("#read_at = :seen").with(":seen", number(seen.0)),
            None => claim,
        };
        let outcome = self.table.write(&[claim]).await?;
        Ok(matches!(outcome, WriteOutcome::Written))
    }

    /// Two that store at once may leave the parts of one behind.
    async fn store_catalogue(&self, entries: Bytes, read_at: Timestamp) -> Result<()> {
        let digest = sha256(&entries);
        let item = self.table.get(&Key::catalogue()).await?;
        let before = item.as_ref().and_then(|item| Head::of(item).ok().flatten());
        if let Some(same) = before.as_ref().filter(|before| before.sha256 == digest) {
            return self.point_to(same, read_at).await.map(drop);
        }
        let parts = packed(entries).await?;
        let head = Head {
            read_at,
            sha256: digest,
            parts: parts.len(),
        };
        for (key, part) in head.keys().zip(parts) {
            let item = Item::from([(BODY.to_owned(), bytes(part))]);
            self.table.write(&[Write::put(key, item)]).await?;
        }
        if self.point_to(&head, read_at).await? {
            for key in before.iter().flat_map(Head::keys) {
                self.table.write(&[Write::delete(key)]).await?;
            }
        }
        Ok(())
    }
}

impl DynamoStore {
    /// False if a later one is stored.
    async fn point_to(&self, head: &Head, read_at: Timestamp) -> Result<bool> {
        let update = Write::update(Key::catalogue())
            .set(READ_AT, number(read_at.0))
            .set(SHA256, bytes(head.sha256))
            .set(PARTS, number(i64::try_from(head.parts).unwrap_or(i64::MAX)))
            .set_or_remove(CLAIMED_UNTIL, None)
            .when("(attribute_not_exists(#read_at) OR #read_at <= :read_at)");
        let outcome = self.table.write(&[update]).await?;
        Ok(matches!(outcome, WriteOutcome::Written))
    }

    /// `None` if they were replaced meanwhile, or are damaged.
    async fn entries(&self, head: &Head) -> Result<Option<Bytes>> {
        let mut whole = Vec::new();
        for key in head.keys() {
            let Some(part) = self.table.get_eventual_or_get(&key, None).await? else {
                return Ok(None);
            };
            whole.extend_from_slice(Reader(&part).bytes(BODY)?);
        }
        let sha256 = head.sha256;
        let unpacked = blocking(move || unpacked(&whole, &sha256)).await?;
        if unpacked.is_none() {
            tracing::warn!("the stored catalogue is damaged; it is read of the provider again");
        }
        Ok(unpacked)
    }
}

/// Compressed, in as many parts as it takes.
async fn packed(entries: Bytes) -> Result<Vec<Vec<u8>>> {
    let compressed = blocking(move || {
        // A slow processor has better to do.
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&entries)?;
        encoder.finish()
    });
    let compressed = compressed.await?.map_err(|error| {
        Error::internal("catalogue_unwritable", "the catalogue cannot be compressed").source(error)
    })?;
    Ok(compressed.chunks(PART_BYTES).map(<[u8]>::to_vec).collect())
}

fn unpacked(compressed: &[u8], expected: &Sha256) -> Option<Bytes> {
    let mut entries = Vec::new();
    let mut decoder = ZlibDecoder::new(compressed).take(ENTRIES_BYTES_MAX);
    decoder.read_to_end(&mut entries).ok()?;
    (sha256(&entries) == *expected).then(|| entries.into())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|error| Error::internal("catalogue_unread", "a thread ended").source(error))
}

fn unreadable() -> Error {
    Error::internal("row_unreadable", "the stored catalogue cannot be read")
        .because(Reason::Unreadable)
}
