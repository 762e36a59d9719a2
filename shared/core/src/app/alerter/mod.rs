//! Tells of trouble before it comes: tenants of their money, the operator of the installation. It
//! is never in the way of what it tells of: whatever fails here is logged, and the sweep looks
//! again.

mod destination;
mod money;
mod provider;

pub(crate) use provider::ObservedProvider;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::Context;
use crate::base::error::{Reason, Result};
use crate::base::id::TenantId;
use crate::domain::task::{Job, Task};
use crate::domain::tenant::DestinationSeen;
use crate::domain::webhook::{EventType, Notice};
use crate::port::Lease;
use provider::ProviderHealth;

/// Tenants that are noted at most; the sweep looks at all of them.
const MOVED_MAX: usize = 10_000;
/// How often an event is written again that an inbox was read past meanwhile.
const TRIES: usize = 5;

/// Tells tenants and the operator.
#[derive(Clone)]
pub struct Alerter {
    context: Context,
    /// Tenants whose money has moved since the last look.
    moved: Arc<Mutex<BTreeSet<TenantId>>>,
    /// What copies have found of tenants' destinations since the last look.
    destinations: Arc<Mutex<BTreeMap<TenantId, DestinationSeen>>>,
    provider: Arc<Mutex<ProviderHealth>>,
}

impl Alerter {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            context: context.clone(),
            moved: Arc::default(),
            destinations: Arc::default(),
            provider: Arc::default(),
        }
    }

    /// A hold of the tenant's was captured or released. Costs nothing: it is looked at later.
    pub(crate) fn note_settled(&self, tenant: &TenantId) {
        let mut moved = locked(&self.moved);
        if moved.len() < MOVED_MAX {
            moved.insert(tenant.clone());
        }
    }

    /// Looks at what was noted since the last call: at each tenant's money and destination once,
    /// whatever number of its tasks has ended.
    pub async fn tell_noted(&self) {
        let mut noted = std::mem::take(&mut *locked(&self.moved));
        let destinations = std::mem::take(&mut *locked(&self.destinations));
        noted.extend(destinations.keys().cloned());
        for tenant in &noted {
            self.see_tenant(tenant, destinations.get(tenant)).await;
        }
        if let Err(error) = self.see_provider().await {
            let error = error.with_causes();
            tracing::warn!(
                error,
                "cannot tell whether the provider answers; will be looked at again"
            );
        }
    }

    /// A submit of which nobody knows whether the provider accepted it.
    pub(crate) async fn tell_in_doubt(&self, task: &Task) {
        let data = json!({
            "tenant_id": task.tenant,
            "task_id": task.id,
            "model": task.model,
            "since": task.since.rfc3339(),
        });
        let cause = format!("in_doubt/{}/{}", task.id, task.submits);
        self.to_operator_or_log(EventType::TaskInDoubt, &cause, data)
            .await;
    }

    /// A job that failed too often.
    pub(crate) async fn tell_dead_letter(&self, lease: &Lease, code: &str) {
        let job = &lease.job;
        // An event that cannot be delivered makes no event.
        if job.tenant().is_operator() {
            return;
        }
        let now = self.context.now();
        let data = json!({
            "tenant_id": job.tenant(),
            "lane": job.lane().as_str(),
            "task_id": task_of(job),
            "failures": lease.failures + 1,
            "code": code,
            "added_at": now.rfc3339(),
        });
        // The lease of a job whose end was not written comes again.
        let (lane, minute) = (job.lane().as_str(), now.0 / 60_000);
        let body = serde_json::to_string(job).unwrap_or_default();
        let cause = format!("dead_letter/{lane}/{body}/{minute}");
        self.to_operator_or_log(EventType::DeadLetterAdded, &cause, data)
            .await;
    }

    async fn to_operator_or_log(&self, event: EventType, cause: &str, data: Value) {
        if let Err(error) = self.to_operator(event, cause, data).await {
            let (event, error) = (event.as_str(), error.with_causes());
            tracing::warn!(event, error, "the operator's endpoints could not be told");
        }
    }

    /// To the operator's own endpoints. A tenant that an earlier release gave their name is told
    /// nothing of the others.
    async fn to_operator(&self, event: EventType, cause: &str, data: Value) -> Result<()> {
        let operator = TenantId::operator();
        if self.context.endpoints().list(&operator).await?.is_empty() {
            return Ok(());
        }
        if self.context.tenants().get_eventual(&operator).await.is_ok() {
            tracing::warn!(
                event = event.as_str(),
                "a tenant has the name 'operator', so the operator's events are not told"
            );
            return Ok(());
        }
        self.publish(&operator, event, cause, data).await
    }

    async fn publish(
        &self,
        tenant: &TenantId,
        event: EventType,
        cause: &str,
        data: Value,
    ) -> Result<()> {
        let listed = self.context.endpoints().list(tenant).await?;
        let notice = Notice {
            tenant: tenant.clone(),
            id: Notice::id_of(&format!("{cause}/{tenant}")),
            event,
            at: self.context.now(),
            data,
        };
        for _ in 0..TRIES {
            let deliveries = notice.deliveries(&listed.endpoints, None, self.context.now());
            if deliveries.is_empty() {
                return Ok(());
            }
            match self
                .context
                .deliveries()
                .publish(&notice, &deliveries)
                .await
            {
                Err(error) if error.is(Reason::EventLate) => {}
                published => return published,
            }
        }
        Err(crate::port::errors::event_late())
    }
}

fn task_of(job: &Job) -> Option<String> {
    match job {
        Job::Watch { task, .. }
        | Job::Wake { task, .. }
        | Job::Archive { task, .. }
        | Job::ArchiveRun { task, .. } => Some(task.to_string()),
        Job::Deliver { .. } | Job::Recover { .. } | Job::Batch { .. } => None,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
