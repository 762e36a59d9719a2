//! The catalogue of the provider that is in use. The clients of one server share it, and the next
//! start has it.

use std::io::{Read as _, Write as _};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use fluxgate_core::digest::{Sha256, sha256};
use fluxgate_core::port::{CatalogueStore, StoredCatalogue};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::SqliteStore;
use super::error::database;

/// More entries are not read: they are held in memory.
const ENTRIES_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// [`CatalogueStore`] for the provider at one address: another one has other models and prices.
pub struct SqliteCatalogue {
    store: SqliteStore,
    provider: String,
}

impl SqliteStore {
    /// The catalogue of the provider at this address.
    pub fn catalogue_of(&self, provider: &str) -> SqliteCatalogue {
        SqliteCatalogue {
            store: self.clone(),
            provider: provider.to_owned(),
        }
    }
}

#[async_trait]
impl CatalogueStore for SqliteCatalogue {
    async fn catalogue_eventual(&self, known: Option<&Sha256>) -> Result<Option<StoredCatalogue>> {
        let (provider, known) = (self.provider.clone(), known.copied());
        self.store
            .report(move |connection| read(connection, &provider, known.as_ref()))
            .await
    }

    async fn claim_catalogue(
        &self,
        seen: Option<Timestamp>,
        now: Timestamp,
        for_ms: u64,
    ) -> Result<bool> {
        const FIRST: &str = "INSERT INTO catalogues (provider, claimed_until) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET claimed_until = excluded.claimed_until
             WHERE claimed_until <= ?3 AND ?4 IS NULL";
        const SEEN: &str = "UPDATE catalogues SET claimed_until = ?2
             WHERE provider = ?1 AND claimed_until <= ?3 AND read_at = ?4";
        let sql = if seen.is_some() { SEEN } else { FIRST };
        let provider = self.provider.clone();
        self.store
            .write(move |write| {
                let seen = seen.map(|seen| seen.0);
                let row = params![provider, now.plus_ms(for_ms).0, now.0, seen];
                let claimed = write.connection.execute(sql, row);
                Ok(claimed.map_err(database("claim the catalogue"))? > 0)
            })
            .await
    }

    async fn store_catalogue(&self, entries: Bytes, read_at: Timestamp) -> Result<()> {
        let digest = sha256(&entries);
        let packed = packed(entries).await?;
        let provider = self.provider.clone();
        self.store
            .write(move |write| {
                replace(write.connection, &provider, (&digest, &packed), read_at)
                    .map_err(database("store the catalogue"))
            })
            .await
    }
}

/// The catalogue of another provider is removed: it is out of use. Entries are compared with what
/// lies there, so that damaged ones are mended.
fn replace(
    connection: &Connection,
    provider: &str,
    (digest, packed): (&Sha256, &[u8]),
    read_at: Timestamp,
) -> rusqlite::Result<()> {
    const REPLACE: &str = "INSERT INTO catalogues (provider, claimed_until, read_at, sha256)
         VALUES (?1, 0, ?2, ?3) ON CONFLICT DO UPDATE SET claimed_until = 0,
         read_at = excluded.read_at, sha256 = excluded.sha256
         WHERE catalogues.read_at IS NULL OR catalogues.read_at <= excluded.read_at";
    const ENTRIES: &str = "INSERT INTO catalogue_entries (provider, entries) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET entries = excluded.entries
         WHERE catalogue_entries.entries <> excluded.entries";
    if connection.execute(REPLACE, params![provider, read_at.0, digest])? == 0 {
        return Ok(());
    }
    connection.execute(ENTRIES, params![provider, packed])?;
    connection.execute("DELETE FROM catalogues WHERE provider <> ?1", [provider])?;
    let others = "DELETE FROM catalogue_entries WHERE provider <> ?1";
    connection.execute(others, [provider]).map(drop)
}

/// `None` as well for entries that are damaged.
fn read(
    connection: &Connection,
    provider: &str,
    known: Option<&Sha256>,
) -> Result<Option<StoredCatalogue>> {
    const READ: &str = "SELECT read_at, sha256 FROM catalogues
         WHERE provider = ?1 AND read_at IS NOT NULL";
    const ENTRIES: &str = "SELECT entries FROM catalogue_entries WHERE provider = ?1";
    let read = || {
        let _of_one_moment = connection.unchecked_transaction()?;
        let head = connection
            .prepare_cached(READ)?
            .query_row([provider], |row| {
                Ok((Timestamp(row.get(0)?), row.get::<_, Sha256>(1)?))
            });
        let Some((read_at, sha256)) = head.optional()? else {
            return Ok(None);
        };
        if known == Some(&sha256) {
            return Ok(Some((read_at, sha256, None)));
        }
        let mut entries = connection.prepare_cached(ENTRIES)?;
        let packed: Vec<u8> = entries.query_row([provider], |row| row.get(0))?;
        Ok(Some((read_at, sha256, Some(packed))))
    };
    let Some((read_at, sha256, packed)) = read().map_err(database("read the catalogue"))? else {
        return Ok(None);
    };
    let entries = packed.map(|packed| unpacked(&packed, &sha256).ok_or(()));
    let Ok(entries) = entries.transpose() else {
        tracing::warn!("the stored catalogue is damaged; it is read of the provider again");
        return Ok(None);
    };
    Ok(Some(StoredCatalogue {
        read_at,
        sha256,
        entries,
    }))
}

async fn packed(entries: Bytes) -> Result<Vec<u8>> {
    let compressed = tokio::task::spawn_blocking(move || {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&entries)?;
        encoder.finish()
    });
    let failed = |text: &'static str| Error::internal("catalogue_unwritable", text);
    let compressed = compressed.await.map_err(|error| {
        failed("a thread ended while it compressed the catalogue").source(error)
    })?;
    compressed.map_err(|error| failed("the catalogue cannot be compressed").source(error))
}

fn unpacked(packed: &[u8], expected: &Sha256) -> Option<Bytes> {
    let mut entries = Vec::new();
    let mut decoder = ZlibDecoder::new(packed).take(ENTRIES_BYTES_MAX);
    decoder.read_to_end(&mut entries).ok()?;
    (sha256(&entries) == *expected).then(|| entries.into())
}
