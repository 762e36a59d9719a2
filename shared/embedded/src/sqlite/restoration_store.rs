//! A data folder is seen to by whoever makes it from a backup, before anybody opens it. One that
//! was restored for a drill has a mark in its database, so that nobody can forget it: while it is
//! there, no job is handed out.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::port::RestorationStore;
use fluxgate_core::port::errors::drill;
use rusqlite::Connection;

use super::SqliteStore;
use super::connection::open_for_writing;
use super::error::database;

const READ: &str = "SELECT EXISTS (SELECT 1 FROM drill)";
const MARK: &str = "INSERT OR REPLACE INTO drill VALUES (1)";
const UNMARK: &str = "DELETE FROM drill";

/// What this process knows of the mark.
#[derive(Debug, Default)]
pub(super) struct Drill(AtomicBool);

impl Drill {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        let marked = connection.query_row(READ, [], |row| row.get(0));
        marked
            .map(|marked| Self(AtomicBool::new(marked)))
            .map_err(database("read whether this is a drill"))
    }
}

impl SqliteStore {
    /// Marks the folder as one for a drill, or takes the mark that its backup had. Blocks.
    pub fn mark_drill(folder: &Path, is_drill: bool) -> Result<()> {
        let connection = open_for_writing(&folder.join("fluxgate.db"))?;
        let marked = connection.execute(if is_drill { MARK } else { UNMARK }, []);
        marked.map(drop).map_err(database("mark a drill"))
    }

    /// True if nothing is sent, because the folder was restored for a drill.
    pub fn is_drill(&self) -> bool {
        self.drill.0.load(Ordering::Acquire)
    }
}

#[async_trait]
impl RestorationStore for SqliteStore {
    fn may_await_restoration(&self) -> bool {
        self.is_drill()
    }

    /// Reads the mark each time while there was one: another process may end the drill.
    async fn check_restored(&self) -> Result<()> {
        if !self.is_drill() {
            return Ok(());
        }
        if self.reading().await.row(READ, [], |row| row.get(0))? == Some(true) {
            return Err(drill());
        }
        self.drill.0.store(false, Ordering::Release);
        Ok(())
    }

    async fn restoration_done(&self) -> Result<()> {
        self.write(|write| {
            let removed = write.connection.execute(UNMARK, []);
            removed.map(drop).map_err(database("end a drill"))
        })
        .await?;
        self.drill.0.store(false, Ordering::Release);
        Ok(())
    }
}
