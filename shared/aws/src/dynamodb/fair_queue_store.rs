//! The fair queue for the provider's account: one item, written conditionally on the version that
//! was read. Without limits on the account it is never used.

use async_trait::async_trait;
use fluxgate_core::fair_queue::{FairQueue, FairQueueAnswer, FairQueueRequest};
use fluxgate_core::port::FairQueueStore;
use fluxgate_core::{Error, Result};

use super::DynamoStore;
use super::attribute::{Item, Reader, bytes, number, text};
use super::error::contention;
use super::key::Key;
use super::transact::{CallMark, MARK, WriteOutcome, backoff};
use super::write::Write;

/// How often a request is retried because another one was written in between.
const ATTEMPTS_MAX: u32 = 24;

const VERSION: &str = "version";
/// As JSON: half the size of native attributes, and every write is billed by size.
const LINE: &str = "line";

#[async_trait]
impl FairQueueStore for DynamoStore {
    async fn ask(&self, request: &FairQueueRequest) -> Result<FairQueueAnswer> {
        for attempt in 0..ATTEMPTS_MAX {
            let (mut line, version) = self.line().await?;
            let (answer, changed) = line.answer(request);
            if !changed || self.write_line(&line, version).await? {
                return Ok(answer);
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        Err(contention())
    }

    async fn read_fair_queue(&self) -> Result<FairQueue> {
        let item = self.table.get_eventual(&Key::line(), None).await?;
        item.map_or_else(|| Ok(FairQueue::default()), |item| parsed_line(&item))
    }
}

impl DynamoStore {
    async fn line(&self) -> Result<(FairQueue, u64)> {
        let Some(item) = self.table.get(&Key::line()).await? else {
            return Ok((FairQueue::default(), 0));
        };
        Ok((parsed_line(&item)?, Reader(&item).number(VERSION)?))
    }

    /// Returns false if the version has changed.
    async fn write_line(&self, line: &FairQueue, version: u64) -> Result<bool> {
        let mark = bytes(CallMark::fresh().as_bytes());
        let body = serde_json::to_string(line).map_err(|error| {
            Error::internal("row_unwritable", "the line cannot be written").source(error)
        })?;
        let item = Item::from([
            (VERSION.to_owned(), number(version + 1)),
            (LINE.to_owned(), text(body)),
            (MARK.to_owned(), mark.clone()),
        ]);
        let write = Write::put(Key::line(), item);
        let write = match version {
            0 => write.when("attribute_not_exists(#pk)"),
            version => write
                .when("#version = :expected")
                .with(":expected", number(version)),
        };
        Ok(match self.table.write(&[write]).await? {
            WriteOutcome::Written => true,
            // An earlier attempt of this call, whose response was lost.
            WriteOutcome::Refused(found) => found
                .iter()
                .flatten()
                .any(|item| item.get(MARK) == Some(&mark)),
        })
    }
}

fn parsed_line(item: &Item) -> Result<FairQueue> {
    serde_json::from_str(Reader(item).text(LINE)?).map_err(|error| {
        Error::internal("row_unreadable", "the stored line cannot be read").source(error)
    })
}
