//! One pass over all tenants, which removes the tasks of whole days.

use super::Retention;
use crate::app::everybody::everybody;
use crate::base::day::Day;
use crate::base::error::{Kind, Reason, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::tenant::RetentionDays;
use crate::domain::webhook::DeliveryCursor;
use crate::port::BegunExport;

/// How often a tenant's tasks are read again when one of them changed meanwhile.
const CONFLICTS_MAX: usize = 8;

/// How far one pass has come.
#[derive(Debug)]
pub struct RemovalPass {
    /// Up to here tasks are old by the operator's bounds.
    before: Timestamp,
    tenants: Vec<TenantId>,
    current: Option<OfTenant>,
    /// Tenants whose tasks an export of usage still has to tell.
    pub unexported: Vec<TenantId>,
    pub done: Removals,
}

/// What a pass has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removals {
    /// How many tasks were removed.
    pub removed: usize,
    /// Of how many tasks that stay inputs and callback URLs were removed.
    pub inputs: usize,
    /// Of how many deliveries it was forgotten what their receivers answered.
    pub answers: usize,
    /// Of how many months of a tenant the keys of inputs and callback URLs were removed.
    pub keys: usize,
    /// Tenants whose tasks could not be removed.
    pub failed: usize,
}

/// Where the pass is.
#[derive(Debug)]
pub(super) struct OfTenant {
    pub(super) tenant: TenantId,
    /// Tasks that were made before this are old.
    pub(super) before: Timestamp,
    /// Inputs of tasks that were made before this are old.
    inputs_before: Timestamp,
    has_old_tasks: bool,
    /// What receivers answered before this is to be forgotten, if the tenant says so.
    pub(super) answers_before: Option<Timestamp>,
    pub(super) answers_after: Option<DeliveryCursor>,
    pub(super) after: Option<TaskId>,
    pub(super) exports: Vec<BegunExport>,
    /// Whether one of them has not come to the task that is next.
    pub(super) is_unexported: bool,
    conflicts: usize,
}

impl Retention {
    /// The first pass of a day; `None` when today's is over.
    pub async fn due(&self) -> Result<Option<RemovalPass>> {
        if self.before() <= self.context.retention().removed_before().await? {
            return Ok(None);
        }
        self.pass().await.map(Some)
    }

    /// A pass over all tenants, whatever was done today.
    pub async fn pass(&self) -> Result<RemovalPass> {
        let tenants = everybody(self.context.tenants(), Timestamp(0)).await?;
        Ok(self.pass_over(tenants.into_iter().rev().collect()))
    }

    /// A pass over these tenants alone, whose tasks an export may have told meanwhile.
    pub fn pass_over(&self, tenants: Vec<TenantId>) -> RemovalPass {
        RemovalPass {
            before: self.before(),
            tenants,
            current: None,
            unexported: Vec::new(),
            done: Removals::default(),
        }
    }

    /// Tasks that were made before this are old by the operator's bounds.
    fn before(&self) -> Timestamp {
        let context = &self.context;
        Day::of(context.bounds.tasks_removed_before(context.now())).first()
    }

    /// Removes some tasks: so many at most, of one tenant. False once the pass is over. A failure
    /// for one tenant does not stop the others; what is left is removed by tomorrow's pass.
    pub async fn go_on(&self, pass: &mut RemovalPass, limit: usize) -> Result<bool> {
        let Some(tenant) = pass.tenant() else {
            let retention = self.context.retention();
            retention.save_removed_before(pass.before).await?;
            return Ok(false);
        };
        match self.step(pass, &tenant, limit).await {
            Ok(goes_on) => pass.keep(goes_on),
            Err(error) => {
                pass.done.failed += 1;
                pass.keep(false);
                let error = error.with_causes();
                tracing::error!(tenant.id = %tenant, error, "could not remove a tenant's old tasks; tried again tomorrow");
            }
        }
        Ok(true)
    }

    /// Makes the pass that is due, until this moment: the next call goes on. So many tasks are
    /// removed at once.
    pub async fn remove_until(&self, until: Timestamp, limit: usize) -> Result<Removals> {
        let Some(mut pass) = self.due().await? else {
            return Ok(Removals::default());
        };
        while self.context.now() < until && self.go_on(&mut pass, limit).await? {}
        Ok(pass.done)
    }

    /// False when no more of this tenant's tasks can be removed.
    async fn step(&self, pass: &mut RemovalPass, tenant: &TenantId, limit: usize) -> Result<bool> {
        let mut current = match pass.current.take() {
            Some(current) => current,
            None => self.begin(tenant).await?,
        };
        if !current.has_old_tasks
            && let Some(before) = current.answers_before
        {
            pass.done.answers += self.forget_answers(&mut current, before, limit).await?;
            pass.current = Some(current);
            return Ok(true);
        }
        if !current.has_old_tasks {
            return self.drop_inputs(pass, current, limit).await;
        }
        let done = self.remove_some(&mut current, limit).await;
        let (removed, goes_on) = match done {
            Err(error) if error.is(Reason::VersionMoved) && current.conflicts < CONFLICTS_MAX => {
                current.conflicts += 1;
                (0, true)
            }
            done => done?,
        };
        pass.done.removed += removed;
        if current.is_unexported && !goes_on {
            pass.unexported.push(tenant.clone());
        }
        current.has_old_tasks = goes_on;
        pass.current = Some(current);
        Ok(true)
    }

    /// Of the tasks that stay. The keys of what was sealed go with the last of them.
    async fn drop_inputs(
        &self,
        pass: &mut RemovalPass,
        current: OfTenant,
        limit: usize,
    ) -> Result<bool> {
        let retention = self.context.retention();
        let (tenant, before) = (&current.tenant, current.inputs_before);
        let end = TaskId::lowest_at(before);
        let dropped = retention.drop_inputs(tenant, &end, limit).await?;
        pass.done.inputs += dropped;
        if dropped < limit {
            let expired = self.context.expire_input_keys(tenant, before);
            pass.done.keys += expired.await?;
        }
        pass.current = Some(current);
        Ok(dropped == limit)
    }

    /// A tenant has no old tasks, as far as its pass goes, while its days are still to be filled in
    /// from its tasks.
    async fn begin(&self, tenant: &TenantId) -> Result<OfTenant> {
        let (context, now) = (&self.context, self.context.now());
        let days = self.days_of(tenant).await?;
        let kept_ms = days.tasks_kept_ms(&context.bounds);
        let before = Day::of(now.minus_ms(kept_ms)).first();
        let inputs_before = now.minus_ms(days.inputs_stored_ms(&context.bounds));
        // Most tenants have nothing old: one task shows it.
        let oldest = self.old_tasks(tenant, None, before, 1).await?;
        let has_old_tasks = !oldest.is_empty() && context.days().day_fill(tenant).await?.is_none();
        let answers_kept_ms = days.answers_kept_ms(&context.bounds);
        Ok(OfTenant {
            tenant: tenant.clone(),
            before,
            inputs_before,
            answers_before: answers_kept_ms.map(|kept_ms| now.minus_ms(kept_ms)),
            answers_after: None,
            has_old_tasks,
            after: None,
            exports: self.exports_of(tenant).await?,
            is_unexported: false,
            conflicts: 0,
        })
    }

    /// A tenant that was deleted has none of its own.
    async fn days_of(&self, tenant: &TenantId) -> Result<RetentionDays> {
        match self.context.tenants().get_eventual(tenant).await {
            Ok(tenant) => Ok(tenant.retention),
            Err(error) if error.kind == Kind::NotFound => Ok(RetentionDays::default()),
            Err(error) => Err(error),
        }
    }
}

impl RemovalPass {
    fn tenant(&self) -> Option<TenantId> {
        self.tenants.last().cloned()
    }

    /// Stays with this tenant, or turns to the next.
    fn keep(&mut self, goes_on: bool) {
        if !goes_on {
            self.current = None;
            self.tenants.pop();
        }
    }
}
