//! Exports usage: an event for each charged task, at least once, always with the same id and the
//! same bytes.

use std::sync::Arc;

use crate::app::Context;
use crate::base::error::{Kind, Result};
use crate::base::id::{AuditId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::metering::usage::{Look, UsageCursor};
use crate::domain::money::MicroUsd;
use crate::domain::task::Task;
use crate::domain::tenant::AuditAction;
use crate::port::{UsageBatch, UsageCursors, UsageSink};

/// Tasks read at once, and events in a batch at most.
const PAGE_TASKS: usize = 500;
/// Audit entries read at once.
const PAGE_ENTRIES: usize = 200;
/// A task's id is made before the task is written. No task is written later than this after its id
/// was made, clocks that differ included: a submit may take half a minute, a gateway one.
const SETTLE_MS: u64 = 10 * 60_000;

/// For how long a deleted tenant is still asked for charges that were not exported.
const DELETED_MS: i64 = 30 * 86_400_000;

/// Exports usage to one place.
pub struct UsageExport {
    context: Context,
    cursors: Arc<dyn UsageCursors>,
    sink: Arc<dyn UsageSink>,
}

/// What one export told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub events: usize,
    /// What the events say was charged.
    pub charged: MicroUsd,
    /// False when the next export has more to tell although nothing happens meanwhile: the time was
    /// up, or so many tasks run that it waits for some to end.
    pub complete: bool,
}

/// What an export of all tenants came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportedAll {
    pub events: usize,
    /// Tenants whose usage could not be exported.
    pub failed: usize,
}

impl UsageExport {
    pub fn new(context: Context, cursors: Arc<dyn UsageCursors>, sink: Arc<dyn UsageSink>) -> Self {
        Self {
            context,
            cursors,
            sink,
        }
    }

    /// Exports everybody's usage in half of the time that there is until this moment: the sweep
    /// wants the rest. What one tenant's export meets keeps no other from its own.
    pub async fn export_all(&self, until: Timestamp) -> Result<ExportedAll> {
        let now = self.context.now();
        let half = now.plus_ms(until.since_ms(now) / 2);
        let mut all = ExportedAll::default();
        for tenant in self.tenants(Timestamp(now.0 - DELETED_MS)).await? {
            match self.export(&tenant, half).await {
                Ok(exported) => {
                    all.events += exported.events;
                    tell(&tenant, exported);
                }
                Err(error) => {
                    all.failed += 1;
                    let error = error.with_causes();
                    tracing::error!(tenant.id = %tenant, error, "a tenant's usage could not be exported");
                }
            }
        }
        Ok(all)
    }

    /// Whose usage may be exported, by id: the tenants there are, and those that were deleted
    /// since, whose books stay.
    pub async fn tenants(&self, deleted_since: Timestamp) -> Result<Vec<TenantId>> {
        let mut tenants: Vec<TenantId> = self.context.tenants().ids().await?;
        tenants.extend(self.deleted_since(deleted_since).await?);
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    async fn deleted_since(&self, since: Timestamp) -> Result<Vec<TenantId>> {
        let (mut deleted, mut before): (Vec<TenantId>, Option<AuditId>) = (Vec::new(), None);
        loop {
            let page = self
                .context
                .tenants()
                .audit_log(before.as_ref(), PAGE_ENTRIES)
                .await?;
            let Some(last) = page.last() else {
                return Ok(deleted);
            };
            before = Some(last.id.clone());
            let is_over = last.at < since;
            let deletions = page
                .into_iter()
                .filter(|it| it.action == AuditAction::TenantDeleted && it.at >= since);
            deleted.extend(deletions.filter_map(|entry| entry.tenant));
            if is_over {
                return Ok(deleted);
            }
        }
    }

    /// Tells the sink of what it does not know yet, and begins no batch after `until`. Where it
    /// stands is saved after each batch, so that whatever ends it, the next export goes on there.
    /// Several at once cost repetitions and lose nothing.
    pub async fn export(&self, tenant: &TenantId, until: Timestamp) -> Result<Exported> {
        let mut exported = Exported::default();
        while self.context.now() < until {
            match self.go_on(tenant, until, &mut exported).await {
                // Another export was faster: on from where it is.
                Err(error) if error.kind == Kind::Conflict => {}
                Err(error) => return Err(error),
                Ok(complete) => {
                    return Ok(Exported {
                        complete,
                        ..exported
                    });
                }
            }
        }
        Ok(exported)
    }

    /// Forgets what was told: the next export tells everything again.
    pub async fn restart(&self, tenant: &TenantId) -> Result<()> {
        let version = self
            .cursors
            .cursor(self.sink.place(), tenant)
            .await?
            .version
            + 1;
        let cursor = UsageCursor {
            version,
            ..UsageCursor::default()
        };
        self.cursors
            .save_cursor(self.sink.place(), tenant, &cursor)
            .await
    }

    /// From the stored cursor to the youngest task. False when it did not come so far.
    async fn go_on(
        &self,
        tenant: &TenantId,
        until: Timestamp,
        exported: &mut Exported,
    ) -> Result<bool> {
        let mut cursor = self.cursors.cursor(self.sink.place(), tenant).await?;
        let open: Vec<TaskId> = cursor.open.iter().cloned().collect();
        for ids in open.chunks(PAGE_TASKS) {
            if self.context.now() >= until {
                return Ok(false);
            }
            let tasks = self.tasks_of(tenant, ids).await?;
            let look = cursor.look_at_open(&tasks);
            cursor = self.tell(tenant, &cursor, look, exported).await?;
        }
        // Ids are made by the clock: after one that was set back, new tasks lie before what was
        // read through.
        cursor.through = cursor.through.min(Some(self.settled()));
        let mut after = cursor.through.clone();
        while self.context.now() < until {
            let settled = self.settled();
            let page = self
                .context
                .tasks()
                .list_after(tenant, after.as_ref(), PAGE_TASKS)
                .await?;
            let Some(last) = page.last() else {
                return Ok(true);
            };
            let look = cursor.look_at_next(&page, &settled);
            let (is_full, is_last) = (look.full, page.len() < PAGE_TASKS);
            cursor = self.tell(tenant, &cursor, look, exported).await?;
            if is_full || is_last {
                return Ok(!is_full);
            }
            after = Some(last.id.clone());
        }
        Ok(false)
    }

    /// Asked for before the tasks are read, so that none can appear behind those.
    fn settled(&self) -> TaskId {
        let settle_ms = i64::try_from(SETTLE_MS).unwrap_or(i64::MAX);
        TaskId::lowest_at(Timestamp(self.context.now().0.saturating_sub(settle_ms)))
    }

    async fn tasks_of(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Task>> {
        let mut tasks = Vec::with_capacity(ids.len());
        for id in ids {
            match self.context.tasks().get(tenant, id).await {
                Ok(task) => tasks.push(task),
                // Somebody tidied up in the table; what is no more has nothing to tell.
                Err(error) if error.kind == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(tasks)
    }

    /// Hands over what is to be told, then saves where the export stands.
    async fn tell(
        &self,
        tenant: &TenantId,
        cursor: &UsageCursor,
        look: Look<'_>,
        exported: &mut Exported,
    ) -> Result<UsageCursor> {
        if let Some(batch) = UsageBatch::of(tenant, &look.tell)? {
            self.sink.take(batch).await?;
            exported.events += look.tell.len();
            exported.charged.0 += look.tell.iter().map(|task| task.charged.0).sum::<i64>();
        }
        if look.cursor == *cursor {
            return Ok(look.cursor);
        }
        let next = UsageCursor {
            version: cursor.version + 1,
            ..look.cursor
        };
        self.cursors
            .save_cursor(self.sink.place(), tenant, &next)
            .await?;
        Ok(next)
    }
}

fn tell(
    tenant: &TenantId,
    Exported {
        events,
        charged,
        complete,
    }: Exported,
) {
    if events > 0 {
        tracing::info!(tenant.id = %tenant, events, %charged, "usage was exported");
    }
    if !complete {
        tracing::warn!(tenant.id = %tenant, "there is more usage to export; the next sweep goes on");
    }
}
