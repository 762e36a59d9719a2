//! Deliveries.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, EventId, Subject, TaskId, TenantId};
use fluxgate_core::port::errors::{delivery_changed, event_late, no_such_delivery};
use fluxgate_core::port::{About, DeliveryStore, TaskStore};
use fluxgate_core::task::{Delayed, Task};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{
    Delivery, DeliveryPage, DeliveryQuery, DeliveryState, Notice, Target,
};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::error::{database, parsed, unwritable};
use super::queue::{delivery_key, put_job, remove_job};
use super::reports::rows;

#[async_trait]
impl DeliveryStore for SqliteStore {
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<(Delivery, About)> {
        let body = self
            .reading()
            .await
            .row(
                "SELECT body FROM deliveries WHERE tenant = ?1 AND id = ?2",
                params![tenant.as_str(), id.as_str()],
                |row| row.get::<_, String>(0),
            )?
            .ok_or_else(no_such_delivery)?;
        let delivery: Delivery =
            parsed(&body, format_args!("delivery '{id}' of tenant '{tenant}'"))?;
        let about = match id.subject() {
            Subject::Task(task) => {
                About::Task(Box::new(TaskStore::get(self, tenant, &task).await?))
            }
            Subject::Notice(event) => About::Notice(self.notice(tenant, &event).await?),
        };
        Ok((delivery, about))
    }

    async fn update(&self, delivery: &Delivery, job: Option<&Delayed>) -> Result<()> {
        let (delivery, job) = (delivery.clone(), job.cloned());
        let now = self.clock.now();
        self.write_soon(move |write| {
            update(write.connection, &delivery)?;
            match &job {
                Some(job) => put_job(write, &job.job, now.plus_ms(job.after_ms), 0),
                // Nothing is left to do for whoever holds its job: one write instead of two.
                None if delivery.state == DeliveryState::Delivered => {
                    let key = delivery_key(&delivery.tenant, &delivery.id);
                    remove_job(write, key)
                }
                None => Ok(()),
            }
        })
        .await
    }

    async fn publish(&self, notice: &Notice, deliveries: &[Delivery]) -> Result<()> {
        let body = serde_json::to_string(notice).map_err(unwritable)?;
        let (tenant, id, at) = (notice.tenant.clone(), notice.id.clone(), notice.at);
        let deliveries = deliveries.to_vec();
        let now = self.clock.now();
        self.write(move |write| {
            let written = write
                .connection
                .execute(
                    "INSERT OR IGNORE INTO notices (tenant, id, at, body) VALUES (?1, ?2, ?3, ?4)",
                    params![tenant.as_str(), id.as_str(), at.0, body],
                )
                .map_err(database("write an event"))?;
            if written == 0 {
                return Ok(());
            }
            for delivery in &deliveries {
                insert(write.connection, delivery)?;
                if let Some(job) = delivery.next_job(now) {
                    put_job(write, &job.job, now, 0)?;
                }
            }
            Ok(())
        })
        .await
    }

    async fn list(&self, tenant: &TenantId, query: &DeliveryQuery) -> Result<DeliveryPage> {
        let (tenant, query) = (tenant.clone(), query.clone());
        self.report(move |connection| {
            let rows = delivery_rows(connection, &tenant, &query)?;
            let looked_at_all = rows.len() < DeliveryQuery::LOOKED_AT_MAX;
            let delivery = |(id, body): &(String, String)| {
                parsed(body, format_args!("delivery '{id}' of tenant '{tenant}'"))
            };
            let candidates = rows.iter().map(delivery).collect::<Result<Vec<_>>>()?;
            Ok(query.page(candidates, looked_at_all))
        })
        .await
    }

    async fn expire(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.write_soon(move |write| {
            let deleted = write
                .connection
                .execute(
                    "DELETE FROM deliveries WHERE (tenant, id) IN (
                       SELECT tenant, id FROM deliveries WHERE at < ?1
                       AND (state <> 'pending' OR json_extract(body, '$.pull'))
                       AND coalesce(json_extract(body, '$.attempts[#-1].at'), at) < ?1
                       ORDER BY at LIMIT ?2)",
                    params![before.0, limit],
                )
                .map_err(database("remove old deliveries"))?;
            // The event `evt_x` has the deliveries `evt-x-0`, `evt-x-1` and so on.
            write
                .connection
                .execute(
                    "DELETE FROM notices WHERE (tenant, id) IN (
                       SELECT tenant, id FROM notices WHERE at < ?1 AND NOT EXISTS (
                         SELECT 1 FROM deliveries AS kept WHERE kept.tenant = notices.tenant
                         AND kept.id > replace(notices.id, '_', '-') || '-'
                         AND kept.id < replace(notices.id, '_', '-') || '.')
                       ORDER BY at LIMIT ?2)",
                    params![before.0, limit],
                )
                .map_err(database("remove old events"))?;
            Ok(deleted)
        })
        .await
    }

    async fn of_task(&self, task: &Task) -> Result<Vec<Delivery>> {
        let sql = format!("SELECT id, body FROM deliveries {OF_TASK} ORDER BY length(id), id");
        let rows = self.reading().await.rows(
            &sql,
            params![task.tenant.as_str(), task.id.as_str()],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )?;
        let what = |id: &str| format!("delivery '{id}' of tenant '{}'", task.tenant);
        rows.iter()
            .map(|(id, body)| parsed(body, what(id)))
            .collect()
    }

    async fn of_ended_task(&self, tenant: &TenantId, id: &TaskId) -> Result<(Task, Vec<Delivery>)> {
        let task = TaskStore::get(self, tenant, id).await?;
        let deliveries = match task.state.is_end() {
            true => self.of_task(&task).await?,
            false => Vec::new(),
        };
        Ok((task, deliveries))
    }
}

impl SqliteStore {
    async fn notice(&self, tenant: &TenantId, id: &EventId) -> Result<Notice> {
        let body = self
            .reading()
            .await
            .row(
                "SELECT body FROM notices WHERE tenant = ?1 AND id = ?2",
                params![tenant.as_str(), id.as_str()],
                |row| row.get::<_, String>(0),
            )?
            .ok_or_else(no_such_delivery)?;
        parsed(&body, format_args!("event '{id}' of tenant '{tenant}'"))
    }
}

/// Those from behind the cursor, in order, by the narrowest index there is. What else the query
/// asks is for [`DeliveryQuery::page`].
fn delivery_rows(
    connection: &Connection,
    tenant: &TenantId,
    query: &DeliveryQuery,
) -> Result<Vec<(String, String)>> {
    let missed = "state IN ('exhausted', 'held')";
    let only_missed =
        !query.states.is_empty() && query.states.iter().all(|state| state.is_missed());
    let (order, behind) = if query.oldest_first {
        ("ASC", ">")
    } else {
        ("DESC", "<")
    };
    let target = query.target.as_ref().map(place);
    let (after_at, after_id) = match &query.after {
        Some(cursor) => (cursor.at.0, cursor.id.as_str()),
        None if query.oldest_first => (i64::MIN, ""),
        None => (i64::MAX, ""),
    };
    let sql = format!(
        "SELECT id, body FROM deliveries WHERE tenant = ?1 {by_target} {by_state}
         AND at >= ?3 AND at < ?4 AND (at, id) {behind} (?5, ?6)
         ORDER BY at {order}, id {order} LIMIT {limit}",
        by_target = if target.is_some() {
            "AND target = ?2"
        } else {
            "AND ?2 IS NULL"
        },
        by_state = if only_missed {
            format!("AND {missed}")
        } else {
            String::new()
        },
        limit = DeliveryQuery::LOOKED_AT_MAX,
    );
    let from = query.from.map_or(i64::MIN, |at| at.0);
    let before = query.before.map_or(i64::MAX, |at| at.0);
    rows(
        connection,
        &sql,
        params![tenant.as_str(), target, from, before, after_at, after_id],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    )
}

/// Those of a tenant and a task: their ids begin with the task's.
pub(super) const OF_TASK: &str =
    "WHERE tenant = ?1 AND task = ?2 AND id > ?2 || '-' AND id < ?2 || '.'";

/// Creates a delivery in the transaction of the change that made its event.
pub(super) fn insert(connection: &Connection, delivery: &Delivery) -> Result<()> {
    if delivery.pull {
        refuse_late(connection, delivery)?;
    }
    let body = serde_json::to_string(delivery).map_err(unwritable)?;
    connection
        .prepare_cached(
            "INSERT INTO deliveries (tenant, task, id, version, at, target, state, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                delivery.tenant.as_str(),
                delivery.task.as_ref().map_or("", TaskId::as_str),
                delivery.id.as_str(),
                version(delivery.version),
                delivery.created_at.0,
                place(&delivery.target),
                delivery.state.as_str(),
                body
            ])
        })
        .map(drop)
        .map_err(database("write a delivery"))
}

/// Where its reader has looked already nobody would find it.
fn refuse_late(connection: &Connection, delivery: &Delivery) -> Result<()> {
    let Target::Endpoint(endpoint) = &delivery.target else {
        return Ok(());
    };
    let in_time: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM endpoints WHERE tenant = ?1 AND id = ?2
             AND json_extract(body, '$.pull.read_to') < ?3",
        )
        .and_then(|mut statement| {
            let place = params![
                delivery.tenant.as_str(),
                endpoint.as_str(),
                delivery.created_at.0
            ];
            statement.query_row(place, |row| row.get(0))
        })
        .map_err(database("read a pull endpoint"))?;
    if in_time == 1 {
        Ok(())
    } else {
        Err(event_late())
    }
}

fn update(connection: &Connection, delivery: &Delivery) -> Result<()> {
    let body = serde_json::to_string(delivery).map_err(unwritable)?;
    let changed = connection
        .prepare_cached(
            "UPDATE deliveries SET version = ?3, body = ?4, state = ?5
             WHERE tenant = ?1 AND id = ?2 AND version = ?3 - 1",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                delivery.tenant.as_str(),
                delivery.id.as_str(),
                version(delivery.version),
                body,
                delivery.state.as_str()
            ])
        })
        .map_err(database("write a delivery"))?;
    if changed == 1 {
        return Ok(());
    }
    Err(delivery_changed())
}

/// What its deliveries are found by.
fn place(target: &Target) -> &str {
    match target {
        Target::Endpoint(id) => id.as_str(),
        Target::TaskCallback => "task_callback",
    }
}

fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
