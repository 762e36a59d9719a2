//! Open tasks, found by their index, which every write of a task keeps.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::{OpenTaskStore, TaskStore as _};
use fluxgate_core::task::{OpenSet, Task};
use rusqlite::params;

use super::SqliteStore;
use super::reports::rows;

#[async_trait]
impl OpenTaskStore for SqliteStore {
    async fn open_set(&self, tenant: &TenantId) -> Result<OpenSet> {
        // Left alone, SQLite would walk the tenant's whole history by the primary key.
        const OPEN: &str = "SELECT id FROM tasks INDEXED BY tasks_open
             WHERE tenant = ?1 AND open = 1 ORDER BY id";
        let tenant = tenant.clone();
        self.report(move |connection| {
            let tenant = params![tenant.as_str()];
            let ids = rows(connection, OPEN, tenant, |row| row.get::<_, String>(0))?;
            let tasks = ids.iter().map(|id| TaskId::parse(id));
            Ok(OpenSet {
                tasks: tasks.collect::<Result<_>>()?,
                read_to: None,
                version: 0,
            })
        })
        .await
    }

    async fn save_open_set(&self, _tenant: &TenantId, _set: &OpenSet) -> Result<()> {
        Ok(())
    }

    async fn tasks_by_id(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Task>> {
        let mut tasks = Vec::with_capacity(ids.len());
        for id in ids.iter().collect::<BTreeSet<_>>() {
            match self.get(tenant, id).await {
                Ok(task) => tasks.push(task),
                Err(error) if error.is(fluxgate_core::Reason::NoRecord) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(tasks)
    }
}
