//! Deliveries.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, TenantId};
use fluxgate_core::port::errors::{delivery_changed, no_such_delivery};
use fluxgate_core::port::{DeliveryStore, TaskStore};
use fluxgate_core::task::Task;
use fluxgate_core::webhook::Delivery;
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::error::{database, parsed, unwritable};

#[async_trait]
impl DeliveryStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<(Delivery, Task)> {
        let body = self
            .readers
            .row(
                "SELECT body FROM deliveries WHERE tenant = ?1 AND id = ?2",
                params![tenant.as_str(), id.as_str()],
                |row| row.get::<_, String>(0),
            )?
            .ok_or_else(no_such_delivery)?;
        let delivery: Delivery =
            parsed(&body, format_args!("delivery '{id}' of tenant '{tenant}'"))?;
        let task = TaskStore::get(self, tenant, &delivery.task).await?;
        Ok((delivery, task))
    }

    async fn update(&self, delivery: &Delivery) -> Result<()> {
        let delivery = delivery.clone();
        self.write_soon(move |write| update(write.connection, &delivery))
            .await
    }

    async fn of_task(&self, task: &Task) -> Result<Vec<Delivery>> {
        let rows = self.readers.rows(
            "SELECT id, body FROM deliveries WHERE tenant = ?1 AND task = ?2 ORDER BY length(id), id",
            params![task.tenant.as_str(), task.id.as_str()],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )?;
        let what = |id: &str| format!("delivery '{id}' of tenant '{}'", task.tenant);
        rows.iter()
            .map(|(id, body)| parsed(body, what(id)))
            .collect()
    }
}

/// Creates a delivery in the transaction of the change that made its event.
pub(super) fn insert(connection: &Connection, delivery: &Delivery) -> Result<()> {
    let body = serde_json::to_string(delivery).map_err(unwritable)?;
    connection
        .prepare_cached(
            "INSERT INTO deliveries (tenant, task, id, version, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                delivery.tenant.as_str(),
                delivery.task.as_str(),
                delivery.id.as_str(),
                version(delivery.version),
                body
            ])
        })
        .map(drop)
        .map_err(database("write a delivery"))
}

fn update(connection: &Connection, delivery: &Delivery) -> Result<()> {
    let body = serde_json::to_string(delivery).map_err(unwritable)?;
    let changed = connection
        .prepare_cached(
            "UPDATE deliveries SET version = ?3, body = ?4
             WHERE tenant = ?1 AND id = ?2 AND version = ?3 - 1",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                delivery.tenant.as_str(),
                delivery.id.as_str(),
                version(delivery.version),
                body
            ])
        })
        .map_err(database("write a delivery"))?;
    if changed == 1 {
        return Ok(());
    }
    Err(delivery_changed())
}

fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
