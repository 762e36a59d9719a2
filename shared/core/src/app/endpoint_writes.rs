//! Changing an endpoint over whatever else changes it, together with the recovery that a change
//! may begin. The notifier does the work of a recovery.

use std::sync::Arc;

use super::Context;
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::{EndpointId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{Delayed, Job};
use crate::domain::webhook::{Endpoint, Recovery, RecoveryScope};
use crate::port::Queue;
use crate::port::errors::endpoint_changed;

/// A recovery's job is sent before the write that it belongs to.
const RECOVERY_DELAY_MS: u64 = 200;
/// How often a change is made again that others are in the way of.
const TRIES: usize = 10;

/// Writes endpoints.
#[derive(Clone)]
pub(crate) struct EndpointWrites {
    context: Context,
    queue: Arc<dyn Queue>,
}

impl EndpointWrites {
    pub(crate) fn new(context: &Context, queue: Arc<dyn Queue>) -> Self {
        Self {
            context: context.clone(),
            queue,
        }
    }

    /// Reads, changes and writes, again where somebody else was first. A change that changes
    /// nothing writes nothing.
    ///
    /// Kind `NotFound` for foreign and unknown ids alike.
    pub(crate) async fn update(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        change: impl Fn(&Endpoint) -> Result<Endpoint> + Send + Sync,
    ) -> Result<Endpoint> {
        for _ in 0..TRIES {
            let before = self.context.endpoints().get(tenant, id).await?;
            let after = change(&before)?;
            if after == before {
                return Ok(before);
            }
            if let Some(begun) = begun(&before, &after) {
                self.send_job(&after, begun).await?;
            }
            let after = Endpoint {
                version: before.version + 1,
                updated_at: Some(self.context.now()),
                ..after
            };
            match self.write(&before, &after).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| after),
            }
        }
        Err(endpoint_changed())
    }

    /// Has the endpoint sent what it missed, of events since that time. Its recovery tells how far
    /// it has come.
    ///
    /// Kind `Conflict` with code `endpoint_disabled`, and `recovery_under_way` while another one
    /// is.
    pub(crate) async fn recover(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        since: Option<Timestamp>,
    ) -> Result<Endpoint> {
        let now = self.context.now();
        self.update(tenant, id, |before| {
            check(before)?;
            let mut endpoint = before.clone();
            endpoint.begin_recovery(RecoveryScope::Missed, since, now);
            Ok(endpoint)
        })
        .await
    }

    async fn write(&self, before: &Endpoint, after: &Endpoint) -> Result<()> {
        match before.url() {
            Some(url) if after.url() != Some(url) => {
                self.context.endpoints().update_url(after, url).await
            }
            _ => self.context.endpoints().update(after).await,
        }
    }

    async fn send_job(&self, endpoint: &Endpoint, recovery: &Recovery) -> Result<()> {
        let job = Job::Recover {
            tenant: endpoint.tenant.clone(),
            endpoint: endpoint.id.clone(),
            recovery: recovery.number,
        };
        let after_ms = RECOVERY_DELAY_MS;
        self.queue.send(&[Delayed { job, after_ms }]).await
    }
}

/// The recovery that a change begins.
fn begun<'a>(before: &Endpoint, after: &'a Endpoint) -> Option<&'a Recovery> {
    let number = |endpoint: &Endpoint| endpoint.recovery.as_ref().map(|known| known.number);
    after
        .recovery
        .as_ref()
        .filter(|_| number(before) != number(after))
}

fn check(endpoint: &Endpoint) -> Result<()> {
    let id = &endpoint.id;
    let conflict = |code, text: String| Err(Error::new(Kind::Conflict, code, text));
    if endpoint.pull().is_some() {
        let text = format!(
            "the endpoint '{id}' is read, nothing is sent to it; read its events again from an earlier cursor"
        );
        return conflict("pull_endpoint", text);
    }
    if !endpoint.enabled {
        let text = format!("the endpoint '{id}' is disabled; enable it first");
        return conflict("endpoint_disabled", text);
    }
    if endpoint.recovery.as_ref().is_some_and(Recovery::is_running) {
        let text =
            format!("a recovery of the endpoint '{id}' is under way; see its progress there");
        return conflict("recovery_under_way", text);
    }
    Ok(())
}
