//! Tasks and what changes with them.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{RunId, TaskId, TenantId};
use fluxgate_core::port::errors::{no_such_task, run_claimed, task_changed};
use fluxgate_core::port::{Admitted, TaskStore};
use fluxgate_core::task::{Admission, Change, Idempotency, Job, Lane, State, Step, Task};
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::{database, parsed, unwritable};
use super::give_way::give_way;
use super::queue::{put_job, remove_job, watch_key};
use super::writer::Write;
use super::{SqliteStore, deletion, delivery_store, idempotency, inputs, money, timeline};

#[async_trait]
impl TaskStore for SqliteStore {
    async fn admit(&self, admission: Admission) -> Result<Admitted> {
        self.write(move |write| admit(write, &admission)).await
    }

    async fn existing(
        &self,
        tenant: &TenantId,
        key: &Idempotency,
        now: Timestamp,
    ) -> Result<Option<Task>> {
        let found = self.reading().await.row(
            idempotency::KEY,
            params![tenant.as_str(), key.key.as_str(), now.0],
            idempotency::key_of,
        )?;
        match idempotency::owner(found, key)? {
            Some(id) => self.get(tenant, &id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn get(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        let body =
            self.reading()
                .await
                .row(TASK, params![tenant.as_str(), id.as_str()], |row| {
                    row.get::<_, String>(0)
                })?;
        parse_task(tenant, id.as_str(), &body.ok_or_else(no_such_task)?)
    }

    async fn get_eventual(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        self.get(tenant, id).await
    }

    async fn inputs(&self, tenant: &TenantId, id: &TaskId) -> Result<String> {
        inputs::read(self.reading().await, tenant, id, self.clock.now())
    }

    async fn expire_inputs(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.write(move |write| inputs::expire(write.connection, now, limit))
            .await
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (change, now) = (change.clone(), self.clock.now());
        if change.task.deleted.is_some() {
            return self
                .write(move |write| deletion::apply(write, &change))
                .await;
        }
        // A tenant waits for its submit up to this point; later changes are announced
        // asynchronously anyway.
        match change.task.state {
            State::Submitting | State::Submitted | State::Admitted | State::Unknown => {
                self.write(move |write| apply(write, &change, now)).await
            }
            _ => {
                self.write_soon(move |write| apply(write, &change, now))
                    .await
            }
        }
    }

    async fn claimed(&self, runs: &[RunId]) -> Result<Vec<RunId>> {
        let mut claimed = Vec::new();
        for run in runs {
            let owner = self.reading().await.row(
                "SELECT 1 FROM runs WHERE run = ?1",
                params![run.as_str()],
                |_| Ok(()),
            )?;
            claimed.extend(owner.map(|()| run.clone()));
        }
        Ok(claimed)
    }

    async fn note(&self, tenant: &TenantId, id: &TaskId, step: &Step) -> Result<()> {
        self.add_note(tenant, id, None, step).await
    }

    async fn note_at_length(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        lines: usize,
        step: &Step,
    ) -> Result<()> {
        self.add_note(tenant, id, Some(lines), step).await
    }

    async fn timeline(&self, tenant: &TenantId, id: &TaskId) -> Result<Vec<Step>> {
        timeline::read(self.reading().await, tenant, id)
    }

    async fn list(
        &self,
        tenant: &TenantId,
        before: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        // 'g' sorts after every hexadecimal id.
        let before = before.map_or("g", TaskId::as_str);
        let rows = self.reading().await.rows(
            "SELECT id, body FROM tasks WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            params![
                tenant.as_str(),
                before,
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
            id_and_body,
        )?;
        parse_tasks(tenant, rows).await
    }

    async fn list_after(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        let after = after.map_or("", TaskId::as_str);
        let rows = self.reading().await.rows(
            "SELECT id, body FROM tasks WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            params![
                tenant.as_str(),
                after,
                i64::try_from(limit).unwrap_or(i64::MAX)
            ],
            id_and_body,
        )?;
        parse_tasks(tenant, rows).await
    }
}

impl SqliteStore {
    async fn add_note(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        lines: Option<usize>,
        step: &Step,
    ) -> Result<()> {
        let (tenant, id, step) = (tenant.clone(), id.clone(), step.clone());
        self.write(move |write| timeline::add_note(write.connection, &tenant, &id, lines, &step))
            .await
    }
}

const TASK: &str = "SELECT body FROM tasks WHERE tenant = ?1 AND id = ?2";

fn admit(write: &mut Write<'_>, admission: &Admission) -> Result<Admitted> {
    let task = &admission.task;
    if let Some(key) = &admission.idempotency {
        if let Some(id) = idempotency::existing(write.connection, task, key)? {
            let existing = read_task(write.connection, &task.tenant, &id)?;
            return Ok(Admitted::Existing(Box::new(existing)));
        }
        idempotency::remember(write.connection, task, key)?;
    }
    let hold = money::hold(write.connection, task, &admission.hold_terms())?;
    let task = &Task {
        hold,
        ..task.clone()
    };
    insert_task(write.connection, task)?;
    inputs::insert(write.connection, task, &admission.inputs)?;
    timeline::add(write.connection, task, &admission.steps)?;
    let watch = Job::Watch {
        tenant: task.tenant.clone(),
        task: task.id.clone(),
        round: 0,
    };
    put_job(
        write,
        &watch,
        task.created_at.plus_ms(admission.watch_after_ms),
        0,
    )?;
    if let Some(wake) = admission.wake() {
        put_job(write, &wake.job, task.created_at.plus_ms(wake.after_ms), 0)?;
    }
    Ok(Admitted::New(Box::new(task.clone())))
}

fn insert_task(connection: &Connection, task: &Task) -> Result<()> {
    let body = serde_json::to_string(task).map_err(unwritable)?;
    connection
        .prepare_cached("INSERT INTO tasks (tenant, id, version, body) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| {
            statement.execute(params![
                task.tenant.as_str(),
                task.id.as_str(),
                version(task.version),
                body
            ])
        })
        .map(drop)
        .map_err(database("write a task"))
}

fn apply(write: &mut Write<'_>, change: &Change, now: Timestamp) -> Result<()> {
    let task = &with_stored_hold(write.connection, change)?;
    replace_task(write.connection, task, change.expected_version())?;
    if let Some(claim) = &change.claim {
        claim_run(write.connection, task, &claim.run)?;
    }
    if let Some(settlement) = change.money {
        let hold = money::settle(write.connection, task, settlement)?;
        if hold != task.hold {
            replace_task(
                write.connection,
                &Task {
                    hold,
                    ..task.clone()
                },
                task.version,
            )?;
        }
    }
    timeline::add(write.connection, task, &change.steps)?;
    for delivery in &change.deliveries {
        delivery_store::insert(write.connection, delivery)?;
    }
    for job in &change.jobs {
        put_job(write, &job.job, now.plus_ms(job.after_ms), 0)?;
    }
    if task.state.is_end() {
        inputs::drop_at_end(write.connection, task)?;
    }
    if task.state.is_end() && !task.untold {
        remove_job(write, watch_key(&task.tenant, &task.id), Lane::Watch)?;
    }
    Ok(())
}

/// The task to be written. Its hold is taken from the store, because the task's end may have
/// changed it without the caller knowing.
pub(super) fn with_stored_hold(connection: &Connection, change: &Change) -> Result<Task> {
    let task = change.task.clone();
    if change.money.is_some() || !task.state.is_end() {
        return Ok(task);
    }
    let hold = read_task(connection, &task.tenant, &task.id)?.hold;
    Ok(Task { hold, ..task })
}

/// Writes a task over the one of this version.
pub(super) fn replace_task(connection: &Connection, task: &Task, expected: u64) -> Result<()> {
    let body = serde_json::to_string(task).map_err(unwritable)?;
    let changed = connection
        .prepare_cached("UPDATE tasks SET version = ?3, body = ?4 WHERE tenant = ?1 AND id = ?2 AND version = ?5")
        .and_then(|mut statement| {
            statement.execute(params![
                task.tenant.as_str(),
                task.id.as_str(),
                version(task.version),
                body,
                version(expected)
            ])
        })
        .map_err(database("write a task"))?;
    if changed == 1 {
        return Ok(());
    }
    Err(task_changed())
}

/// The first task to name a provider run owns it.
fn claim_run(connection: &Connection, task: &Task, run: &RunId) -> Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO runs (run, tenant, task) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.execute(params![
                run.as_str(),
                task.tenant.as_str(),
                task.id.as_str()
            ])
        })
        .map_err(database("claim a provider run"))?;
    let owner: (String, String) = connection
        .prepare_cached("SELECT tenant, task FROM runs WHERE run = ?1")
        .and_then(|mut statement| {
            statement.query_row(params![run.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .map_err(database("claim a provider run"))?;
    if owner.0 == task.tenant.as_str() && owner.1 == task.id.as_str() {
        return Ok(());
    }
    Err(run_claimed())
}

fn read_task(connection: &Connection, tenant: &TenantId, id: &TaskId) -> Result<Task> {
    let body: Option<String> = connection
        .prepare_cached(TASK)
        .and_then(|mut statement| {
            statement
                .query_row(params![tenant.as_str(), id.as_str()], |row| row.get(0))
                .optional()
        })
        .map_err(database("read a task"))?;
    parse_task(tenant, id.as_str(), &body.ok_or_else(no_such_task)?)
}

fn id_and_body(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

async fn parse_tasks(tenant: &TenantId, rows: Vec<(String, String)>) -> Result<Vec<Task>> {
    let mut tasks = Vec::with_capacity(rows.len());
    for (id, body) in rows {
        give_way().await;
        tasks.push(parse_task(tenant, &id, &body)?);
    }
    Ok(tasks)
}

fn parse_task(tenant: &TenantId, id: &str, body: &str) -> Result<Task> {
    parsed(body, format_args!("task '{id}' of tenant '{tenant}'"))
}

fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
