//! The work of a recovery: one page of what an endpoint missed, and on to the next.

use super::{EARLY_DELAY_MS, EARLY_TRIES_MAX, Notifier};
use crate::app::jobs::JobOutcome;
use crate::base::error::{Kind, Reason, Result};
use crate::base::id::{EndpointId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::webhook::{
    DeliveryQuery, DeliverySignal, Endpoint, Recovery, Target, transition,
};

/// So many deliveries become due together, and the next ones so much later: a receiver that comes
/// back is not to be buried.
const PAGE: usize = 50;
const PAGE_DELAY_MS: u64 = 1_000;

impl Notifier {
    /// Replays one page. A page that is replayed twice is due twice at most: what is pending
    /// already is passed by.
    pub(super) async fn recover(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        number: u32,
        tries: u32,
    ) -> Result<JobOutcome> {
        let endpoint = match self.context.endpoints().get(tenant, id).await {
            Err(error) if error.kind == Kind::NotFound => return Ok(JobOutcome::Done),
            found => found?,
        };
        let recovery = match &endpoint.recovery {
            Some(recovery) if recovery.number == number => recovery.clone(),
            Some(recovery) if recovery.number > number => return Ok(JobOutcome::Done),
            _ if tries >= EARLY_TRIES_MAX => return Ok(JobOutcome::Done),
            _ => return Ok(JobOutcome::FailedAgainAfterMs(EARLY_DELAY_MS)),
        };
        if !recovery.is_running() {
            return Ok(JobOutcome::Done);
        }
        let settled_at = recovery
            .started_at
            .plus_ms(self.context.bounds.relay.enabling_settles_ms);
        let after = self.page(&endpoint, recovery, settled_at).await?;
        let next = match (after.is_running(), &after.after) {
            (false, _) => JobOutcome::Done,
            (true, Some(_)) => JobOutcome::AgainAfterMs(PAGE_DELAY_MS),
            (true, None) => JobOutcome::AgainAfterMs(settled_at.since_ms(self.context.now())),
        };
        self.note_progress(endpoint, after).await?;
        Ok(next)
    }

    /// The last page is one that began when all had settled: the end of a task that knew the
    /// endpoint as disabled may be written after the first pass.
    async fn page(
        &self,
        endpoint: &Endpoint,
        mut recovery: Recovery,
        settled_at: Timestamp,
    ) -> Result<Recovery> {
        let is_settled = self.context.now() >= settled_at;
        let query = DeliveryQuery {
            target: Some(Target::Endpoint(endpoint.id.clone())),
            states: recovery.scope.states().to_vec(),
            from: recovery.since,
            before: Some(settled_at),
            oldest_first: true,
            after: recovery.after.clone(),
            limit: PAGE,
            ..DeliveryQuery::default()
        };
        let page = self
            .context
            .deliveries()
            .list(&endpoint.tenant, &query)
            .await?;
        for delivery in page.deliveries {
            let now = self.context.now();
            let Ok(after) = transition(&delivery, DeliverySignal::Replay, now) else {
                continue;
            };
            let job = after.job(now);
            match self.context.deliveries().update(&after, Some(&job)).await {
                // Somebody else replayed it.
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => {
                    written?;
                    recovery.replayed += 1;
                }
            }
        }
        // An endpoint that was disabled meanwhile holds the rest.
        if (page.next.is_none() && is_settled) || !endpoint.enabled {
            recovery.finished_at = Some(self.context.now());
        }
        recovery.after = page.next;
        Ok(recovery)
    }

    /// Over whatever else changes the endpoint meanwhile.
    async fn note_progress(&self, mut endpoint: Endpoint, after: Recovery) -> Result<()> {
        loop {
            endpoint.version += 1;
            endpoint.recovery = Some(after.clone());
            match self.context.endpoints().update(&endpoint).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written,
            }
            let read = self
                .context
                .endpoints()
                .get(&endpoint.tenant, &endpoint.id)
                .await;
            endpoint = match read {
                Err(error) if error.kind == Kind::NotFound => return Ok(()),
                found => found?,
            };
            let known = endpoint.recovery.as_ref().map(|recovery| recovery.number);
            if known != Some(after.number) {
                return Ok(());
            }
        }
    }
}
