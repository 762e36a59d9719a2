//! The fair queue for the provider's account: one row, used inside the writer's transaction.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::fair_queue::{FairQueue, FairQueueAnswer, FairQueueRequest};
use fluxgate_core::port::FairQueueStore;
use rusqlite::{Connection, OptionalExtension as _};

use super::SqliteStore;
use super::error::{database, parsed, unwritable};

#[async_trait]
impl FairQueueStore for SqliteStore {
    async fn ask(&self, request: &FairQueueRequest) -> Result<FairQueueAnswer> {
        let request = request.clone();
        self.write(move |write| answer(write.connection, &request))
            .await
    }

    async fn read_fair_queue(&self) -> Result<FairQueue> {
        let body = self.reading().await.row(LINE, [], |row| row.get(0))?;
        parsed_line(body)
    }
}

const LINE: &str = "SELECT body FROM fair_queue WHERE n = 1";

fn parsed_line(body: Option<String>) -> Result<FairQueue> {
    body.map_or_else(
        || Ok(FairQueue::default()),
        |body| parsed(&body, "line for the provider's account"),
    )
}

fn answer(connection: &Connection, request: &FairQueueRequest) -> Result<FairQueueAnswer> {
    let body: Option<String> = connection
        .prepare_cached(LINE)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
        .map_err(database("read the line"))?;
    let mut line = parsed_line(body)?;
    let (answer, changed) = line.answer(request);
    if changed {
        let body = serde_json::to_string(&line).map_err(unwritable)?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO fair_queue (n, body) VALUES (1, ?1)")
            .and_then(|mut statement| statement.execute([body]))
            .map_err(database("write the line"))?;
    }
    Ok(answer)
}
