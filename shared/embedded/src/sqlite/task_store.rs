//! Tasks and what changes with them.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{RunId, TaskId, TenantId};
use fluxgate_core::port::errors::{no_such_task, run_claimed};
use fluxgate_core::port::{Admitted, TaskStore};
use fluxgate_core::seal::StoredText;
use fluxgate_core::task::{Admission, Change, Idempotency, Job, State, Step, Task};
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::error::database;
use super::queue::{archive_key, put_job, remove_job, watch_key};
use super::reports::rows;
use super::retention::REMOVED_TO;
use super::task_rows::{
    TASK, check_version, insert_task, parse_task, read_task, replace_task, with_stored_hold,
};
use super::writer::{Bulk, Write};
use super::{SqliteStore, deletion, delivery_store, idempotency, inputs, money, timeline};

#[async_trait]
impl TaskStore for SqliteStore {
    async fn admit(&self, admission: Admission) -> Result<Admitted> {
        let bulk = Bulk::of(&admission.task.tenant, admission.inputs.len());
        self.write_bulk(bulk, move |write| admit(write, &admission))
            .await
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

    async fn inputs(&self, tenant: &TenantId, id: &TaskId) -> Result<StoredText> {
        inputs::read(self.reading().await, tenant, id, self.clock.now())
    }

    async fn expire_inputs(&self, now: Timestamp, limit: usize) -> Result<usize> {
        self.write_soon(move |write| inputs::expire(write.connection, now, limit))
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
            _ => self.apply_soon(change, now).await,
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
        const PAGE: &str =
            "SELECT id, body FROM tasks WHERE tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        // 'g' sorts after every hexadecimal id.
        let before = before.map_or("g", TaskId::as_str);
        self.page_of_tasks(PAGE, tenant, before, limit).await
    }

    async fn list_after(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        limit: usize,
    ) -> Result<Vec<Task>> {
        const PAGE: &str =
            "SELECT id, body FROM tasks WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
        let after = after.map_or("", TaskId::as_str);
        self.page_of_tasks(PAGE, tenant, after, limit).await
    }

    async fn removed_to(&self, tenant: &TenantId) -> Result<Option<TaskId>> {
        let reading = self.reading().await;
        let of = params![tenant.as_str()];
        let found = reading.row(REMOVED_TO, of, |row| row.get::<_, String>(0))?;
        found.map(|id| TaskId::parse(&id)).transpose()
    }
}

impl SqliteStore {
    async fn page_of_tasks(
        &self,
        sql: &'static str,
        tenant: &TenantId,
        beside: &str,
        limit: usize,
    ) -> Result<Vec<Task>> {
        let (tenant, beside) = (tenant.clone(), beside.to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.report(move |connection| {
            let page = params![tenant.as_str(), beside, limit];
            let rows = rows(connection, sql, page, id_and_body)?;
            rows.iter()
                .map(|(id, body)| parse_task(&tenant, id, body))
                .collect()
        })
        .await
    }

    /// A change that names objects writes their rows too, if they are not known to be committed: so
    /// a task never has an object that a crash takes away.
    async fn apply_soon(&self, change: Change, now: Timestamp) -> Result<()> {
        let (objects, named) = (self.objects.clone(), self.pending_of(&change.task));
        let rows = named.clone();
        self.write_soon(move |write| {
            apply(write, &change, now)?;
            objects.write(write.connection, &rows)
        })
        .await?;
        if !named.is_empty() {
            self.objects.committed(&named);
        }
        Ok(())
    }

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

fn admit(write: &mut Write<'_>, admission: &Admission) -> Result<Admitted> {
    let (connection, task) = (write.connection, &admission.task);
    if let Some(key) = &admission.idempotency
        && let Some(id) = idempotency::existing(connection, task, key)?
    {
        let existing = read_task(connection, &task.tenant, &id)?;
        return Ok(Admitted::Existing(Box::new(existing)));
    }
    // Whoever may not be admitted is refused by these, before anything is written.
    let key_count = money::key_count(connection, admission)?;
    let hold = money::hold(connection, task, &admission.hold_terms())?;
    let task = &Task {
        hold,
        key_count,
        ..task.clone()
    };
    money::count_key(connection, task)?;
    if let Some(key) = &admission.idempotency {
        idempotency::remember(connection, task, key)?;
    }
    insert_task(connection, task, &timeline::lines_of(&admission.steps)?)?;
    inputs::insert(connection, task, &admission.inputs)?;
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

/// What makes it fail is found before it writes.
fn apply(write: &mut Write<'_>, change: &Change, now: Timestamp) -> Result<()> {
    let connection = write.connection;
    check_version(connection, &change.task, change.expected_version())?;
    let task = with_stored_hold(connection, change)?;
    if let Some(claim) = &change.claim {
        claim_run(connection, &task, &claim.run)?;
    }
    let hold = match change.money {
        Some(settlement) => money::settle(connection, &task, settlement)?,
        None => task.hold,
    };
    let task = &Task { hold, ..task };
    let steps = timeline::lines_of(&change.steps)?;
    replace_task(connection, task, change.expected_version(), &steps)?;
    for delivery in &change.deliveries {
        delivery_store::insert(connection, delivery)?;
    }
    if task.state.is_end() {
        inputs::drop_at_end(connection, task)?;
        remove_jobs(write, change, task)?;
    }
    for job in &change.jobs {
        put_job(write, &job.job, now.plus_ms(job.after_ms), 0)?;
    }
    Ok(())
}

/// Those of a task that has ended: its watch, unless that is to announce the end; and the copy that
/// ended it, which whoever made it need not acknowledge. A later copy is a job of its own.
fn remove_jobs(write: &mut Write<'_>, change: &Change, task: &Task) -> Result<()> {
    if change.money.is_some() {
        remove_job(write, archive_key(&task.tenant, &task.id))?;
    }
    if task.untold {
        return Ok(());
    }
    remove_job(write, watch_key(&task.tenant, &task.id))
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

fn id_and_body(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}
