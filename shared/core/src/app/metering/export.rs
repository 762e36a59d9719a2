//! Exports usage: one event per charged task, delivered at least once, always with the same id and
//! the same bytes.

use std::sync::Arc;

use crate::app::Context;
use crate::app::everybody::everybody;
use crate::app::task_pages::TaskPages;
use crate::base::error::{Kind, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::metering::usage::{Scan, UsageCursor};
use crate::domain::money::MicroUsd;
use crate::domain::task::Task;
use crate::port::{UsageBatch, UsageCursors, UsageSink};

/// Tasks read per page, and the maximum number of events in a batch.
const PAGE_TASKS: usize = 500;
/// A task's id is made before the task is written. No task is written later than this after its id
/// was made, clocks that differ included: a submit may take half a minute, a gateway one.
const SETTLE_MS: u64 = 10 * 60_000;

/// How long after a tenant's deletion its remaining charges are still exported.
const DELETED_MS: i64 = 30 * 86_400_000;

/// Exports usage to one sink.
pub struct UsageExport {
    context: Context,
    cursors: Arc<dyn UsageCursors>,
    sink: Arc<dyn UsageSink>,
}

/// The result of one export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub events: usize,
    /// Total charged in the exported events.
    pub charged: MicroUsd,
    /// False if there is more to export right now: time ran out, or so many tasks are running that
    /// the export waits for some to end.
    pub complete: bool,
}

/// The result of exporting all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportedAll {
    pub events: usize,
    /// Number of tenants whose usage could not be exported.
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

    /// Exports all tenants' usage, using at most half of the time left until `until`: the sweep
    /// needs the rest. A failure for one tenant does not stop the others.
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
                    tracing::error!(tenant.id = %tenant, error, "could not export a tenant's usage; the next sweep tries again");
                }
            }
        }
        Ok(all)
    }

    /// The tenants to export, by id: all existing tenants, and those deleted since `deleted_since`,
    /// whose books are kept.
    pub async fn tenants(&self, deleted_since: Timestamp) -> Result<Vec<TenantId>> {
        let everybody = everybody(self.context.tenants(), deleted_since).await?;
        Ok(everybody.into_iter().collect())
    }

    /// Exports what the sink has not received yet; starts no batch after `until`. The cursor is
    /// saved after each batch, so an interrupted export resumes there. Concurrent exports may
    /// repeat events but never lose any.
    pub async fn export(&self, tenant: &TenantId, until: Timestamp) -> Result<Exported> {
        let mut exported = Exported::default();
        while self.context.now() < until {
            match self.go_on(tenant, until, &mut exported).await {
                // Another export saved its cursor first: continue from there.
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

    /// Resets the cursor: the next export sends everything again.
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

    /// Where it exports to.
    pub fn place(&self) -> &str {
        self.sink.place()
    }

    /// The places that the tenant's usage was exported to.
    pub async fn begun(&self, tenant: &TenantId) -> Result<Vec<String>> {
        let begun = self.cursors.cursors(tenant).await?;
        Ok(begun.into_iter().map(|export| export.place).collect())
    }

    /// Forgets the export of the tenant's usage to this place: nothing waits for it any more.
    pub async fn forget(&self, tenant: &TenantId) -> Result<()> {
        self.cursors.forget_cursor(self.sink.place(), tenant).await
    }

    /// Exports from the stored cursor to the newest task. False if it did not get that far.
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
            let scan = cursor.scan_open(&tasks);
            cursor = self.tell(tenant, &cursor, scan, exported).await?;
        }
        // Ids are generated from the clock: if it was set back, new tasks may sort before the
        // cursor.
        cursor.through = cursor.through.min(Some(self.settled()));
        let (tasks, after) = (self.context.tasks(), cursor.through.clone());
        let mut pages = TaskPages::oldest_first(tasks, tenant, after).of(PAGE_TASKS);
        while self.context.now() < until {
            let settled = self.settled();
            let Some(page) = pages.next().await? else {
                return Ok(true);
            };
            let scan = cursor.scan_next(&page, &settled);
            let is_full = scan.full;
            cursor = self.tell(tenant, &cursor, scan, exported).await?;
            if is_full || pages.is_done() {
                return Ok(!is_full);
            }
        }
        Ok(false)
    }

    /// Must be read before the tasks, so that no task can appear before it afterwards.
    fn settled(&self) -> TaskId {
        let settle_ms = i64::try_from(SETTLE_MS).unwrap_or(i64::MAX);
        TaskId::lowest_at(Timestamp(self.context.now().0.saturating_sub(settle_ms)))
    }

    async fn tasks_of(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Task>> {
        let mut tasks = Vec::with_capacity(ids.len());
        for id in ids {
            match self.context.tasks().get(tenant, id).await {
                Ok(task) => tasks.push(task),
                // Deleted from the table by hand: nothing left to export.
                Err(error) if error.kind == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(tasks)
    }

    /// Sends a batch to the sink, then saves the cursor.
    async fn tell(
        &self,
        tenant: &TenantId,
        cursor: &UsageCursor,
        scan: Scan<'_>,
        exported: &mut Exported,
    ) -> Result<UsageCursor> {
        if let Some(batch) = UsageBatch::of(tenant, &scan.tell)? {
            self.sink.take(batch).await?;
            exported.events += scan.tell.len();
            exported.charged.0 += scan.tell.iter().map(|task| task.charged.0).sum::<i64>();
        }
        if scan.cursor == *cursor {
            return Ok(scan.cursor);
        }
        let next = UsageCursor {
            version: cursor.version + 1,
            ..scan.cursor
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
        tracing::info!(tenant.id = %tenant, events, %charged, "usage exported");
    }
    if !complete {
        tracing::warn!(tenant.id = %tenant, "usage export incomplete; the next sweep continues");
    }
}
