//! What follows from an attempt: for the delivery, and for its endpoint.

use super::{BUSY_DELAY_MS, Notifier, Tried};
use crate::app::held::tell_held;
use crate::app::jobs::JobOutcome;
use crate::base::error::{Reason, Result};
use crate::base::time::Timestamp;
use crate::base::{metric, series};
use crate::domain::webhook::{
    Attempt, Delivery, DeliverySignal, DeliveryState, DisabledReason, Endpoint, ErrorClass, Health,
    Next, transition,
};

/// How often the end of an attempt is written again that others are in the way of.
const CONCLUDE_TRIES: usize = 5;

impl Notifier {
    pub(super) async fn conclude(
        &self,
        mut delivery: Delivery,
        endpoint: Option<Endpoint>,
        tried: Tried,
    ) -> Result<JobOutcome> {
        let Tried { round, attempt, .. } = &tried;
        let disabled = match &endpoint {
            Some(endpoint) => self.note_health(endpoint, attempt).await?,
            None => false,
        };
        series::STAGE_DURATION.observe_ms(&["callback"], attempt.duration_ms);
        let next = self.next(&delivery, &tried, endpoint.is_some(), disabled);
        for _ in 0..CONCLUDE_TRIES {
            let signal = DeliverySignal::Attempted {
                round: *round,
                attempt: attempt.clone(),
                next,
            };
            let Ok(after) = transition(&delivery, signal, self.context.now()) else {
                return Ok(JobOutcome::Done);
            };
            let job = after.next_job(self.context.now());
            match self.context.deliveries().update(&after, job.as_ref()).await {
                // It was replayed, released or cancelled meanwhile.
                Err(error) if error.is(Reason::VersionMoved) => {
                    let read = self
                        .context
                        .deliveries()
                        .get(&delivery.tenant, &delivery.id);
                    delivery = read.await?.0;
                }
                written => {
                    written?;
                    return self.told(&after).await;
                }
            }
        }
        Ok(JobOutcome::AgainAfterMs(BUSY_DELAY_MS))
    }

    async fn told(&self, delivery: &Delivery) -> Result<JobOutcome> {
        let delivered = delivery.state == DeliveryState::Delivered;
        let outcome = if delivered { "delivered" } else { "failed" };
        metric::CALLBACK_ATTEMPTS.count_as(outcome);
        tell_attempt(delivery);
        tell_held([delivery]);
        if delivery.state == DeliveryState::Exhausted {
            self.tell_exhausted(delivery).await?;
        }
        Ok(JobOutcome::Done)
    }

    fn next(&self, delivery: &Delivery, tried: &Tried, is_endpoint: bool, disabled: bool) -> Next {
        if tried.attempt.is_success() {
            return Next::Delivered;
        }
        if disabled {
            return Next::Hold;
        }
        if tried.attempt.class == Some(ErrorClass::Gone) && !is_endpoint {
            return Next::Exhausted;
        }
        let bounds = &self.context.bounds;
        let step = delivery.attempts_of_schedule();
        let Some(delay_ms) = bounds.relay.schedule_ms.get(step) else {
            return Next::Exhausted;
        };
        let asked_ms = tried.retry_after_ms.unwrap_or(0);
        let delay_ms = self.jobs.jittered_ms(*delay_ms);
        let delay_ms = delay_ms.max(asked_ms.min(bounds.relay.retry_after_max_ms));
        Next::RetryAt(self.context.now().plus_ms(delay_ms))
    }

    /// Writes down how the endpoint does, if that is anything new. True when it is disabled by it:
    /// it answered 410, or has only failed for days.
    async fn note_health(&self, endpoint: &Endpoint, attempt: &Attempt) -> Result<bool> {
        let terms = &self.context.bounds.relay.health;
        let now = self.context.now();
        let mut after = endpoint.clone();
        if attempt.is_success() {
            after.health = Health::default();
        } else {
            after.health = endpoint.health.failed(terms, now);
            if attempt.class == Some(ErrorClass::Gone) {
                after.disable(DisabledReason::Gone, now);
            } else if after.health.is_hopeless(terms, now) {
                after.disable(DisabledReason::Failing, now);
            }
        }
        if after == *endpoint {
            return Ok(false);
        }
        if after.enabled {
            // Others note the same: whoever is late has nothing to add.
            self.write_health(after).await?;
            return Ok(false);
        }
        self.disable(endpoint, &after).await
    }

    /// Over the version that was read; a change by somebody else stands.
    pub(super) async fn write_health(&self, mut after: Endpoint) -> Result<bool> {
        after.version += 1;
        match self.context.endpoints().update(&after).await {
            Ok(()) => Ok(true),
            Err(error) if error.is(Reason::VersionMoved) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Disables what is there now, unless its tenant has just changed it.
    async fn disable(&self, seen: &Endpoint, after: &Endpoint) -> Result<bool> {
        let mut endpoint = after.clone();
        for _ in 0..CONCLUDE_TRIES {
            if self.write_health(endpoint.clone()).await? {
                let reason = endpoint.disabled.map(|disabled| disabled.reason.as_str());
                tracing::warn!(endpoint.id = %endpoint.id, tenant.id = %endpoint.tenant, reason, "endpoint disabled; its events are held");
                metric::ENDPOINTS_DISABLED.count();
                self.finish_disabling(&endpoint).await?;
                return Ok(true);
            }
            let there = self.context.endpoints().get(&seen.tenant, &seen.id).await?;
            if !there.enabled {
                return Ok(true);
            }
            if there.updated_at != seen.updated_at {
                return Ok(false);
            }
            endpoint = Endpoint {
                enabled: false,
                disabled: endpoint.disabled,
                health: endpoint.health,
                ..there
            };
        }
        Ok(false)
    }
}

/// A receiver that fails is its tenant's matter, and yet the first thing that on-call is asked.
fn tell_attempt(delivery: &Delivery) {
    let Some(Attempt {
        status,
        class,
        duration_ms,
        ..
    }) = delivery.attempts.last()
    else {
        return;
    };
    let (id, tenant, number) = (&delivery.id, &delivery.tenant, delivery.attempts_made());
    match class {
        None => {
            tracing::debug!(delivery.id = %id, tenant.id = %tenant, number, status, duration_ms, "callback delivered")
        }
        Some(class) => {
            let class = class.as_str();
            let next = delivery.next_at.map(Timestamp::rfc3339);
            tracing::info!(delivery.id = %id, tenant.id = %tenant, number, status, class, duration_ms, next, "callback attempt failed");
        }
    }
}
