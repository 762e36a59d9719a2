//! Whether a delivery can be sent now, and to whom.

use super::pace::{Busy, Place};
use super::{BUSY_DELAY_MS, Notifier, Reach, Worked};
use crate::base::error::{Kind, Result};
use crate::domain::webhook::{
    Breaker, Delivery, DeliverySignal, DeliveryState, Endpoint, Ordering, Target,
};
use crate::port::About;

/// Before one is tried again whose predecessor is on its way: when that is due, within these.
const PREDECESSOR_DELAY_MS: u64 = 2_000;
const PREDECESSOR_DELAY_MAX_MS: u64 = 300_000;
/// When one comes by itself that is called, should nobody call it.
const CALLED_MS: u64 = 300_000;

impl Notifier {
    pub(super) async fn reach(&self, delivery: &Delivery) -> Result<Reach> {
        let Target::Endpoint(id) = &delivery.target else {
            return Ok(Reach::Send(None));
        };
        let endpoints = self.context.endpoints();
        let now = self.context.now();
        let endpoint = match endpoints.get_eventual(&delivery.tenant, id).await {
            // It may have been enabled a moment ago, and a held delivery waits for somebody to
            // release it.
            Ok(endpoint) if !endpoint.enabled => endpoints.get(&delivery.tenant, id).await,
            found => found,
        };
        let endpoint = match endpoint {
            Ok(endpoint) => endpoint,
            Err(error) if error.kind == Kind::NotFound => {
                return Ok(Reach::Moved(DeliverySignal::Drop));
            }
            Err(error) => return Err(error),
        };
        if !endpoint.enabled {
            self.finish_disabling(&endpoint).await?;
            return Ok(Reach::Moved(DeliverySignal::Hold));
        }
        match endpoint.health.breaker(now) {
            Breaker::Closed => Ok(Reach::Send(Some(Box::new(endpoint)))),
            Breaker::Open => Ok(Reach::Opens(Box::new(endpoint))),
            Breaker::HalfOpen => self.probe(endpoint).await,
        }
    }

    /// The breaker lets one attempt pass: whoever writes that it is making it.
    pub(super) async fn probe(&self, endpoint: Endpoint) -> Result<Reach> {
        let bounds = &self.context.bounds;
        let mut probing = endpoint;
        let until = self.context.now().plus_ms(bounds.relay.timeout_ms);
        probing.health.open_until = Some(until);
        if self.write_health(probing.clone()).await? {
            probing.version += 1;
            return Ok(Reach::Send(Some(Box::new(probing))));
        }
        Ok(Reach::Opens(Box::new(probing)))
    }

    /// When to look again at an endpoint whose breaker is open, spread out: few at the opening, the
    /// rest when they are called, or by and by.
    pub(super) fn after_opening(&self, endpoint: &Endpoint) -> Worked {
        let now = self.context.now();
        let opens_at = endpoint.health.open_until.unwrap_or(now);
        let spread_ms = self.jobs.jittered_ms(BUSY_DELAY_MS);
        match self.pace.after_opening_ms(&endpoint.id, opens_at, now) {
            None => Worked::Later(opens_at.since_ms(now) + spread_ms),
            Some(_) if self.timer.is_none() => {
                Worked::NoPlace(endpoint.id.clone(), CALLED_MS + spread_ms)
            }
            Some(delay_ms) => Worked::Later(delay_ms + spread_ms),
        }
    }

    /// An earlier event of the same task that is still on its way to an endpoint that wants them in
    /// order.
    pub(super) async fn predecessor(
        &self,
        delivery: &Delivery,
        about: &About,
        endpoint: Option<&Endpoint>,
    ) -> Result<Option<Delivery>> {
        let wants_order = endpoint.is_some_and(|endpoint| endpoint.ordering == Ordering::Fifo);
        let About::Task(task) = about else {
            return Ok(None);
        };
        if !wants_order {
            return Ok(None);
        }
        let there = self.context.deliveries().of_task(task).await?;
        Ok(there.into_iter().find(|earlier| {
            earlier.target == delivery.target
                && earlier.created_at < delivery.created_at
                && matches!(earlier.state, DeliveryState::Pending | DeliveryState::Held)
        }))
    }

    /// Nothing changes before the predecessor's next attempt, unless somebody replays or cancels
    /// it; one that is held waits for its tenant. Before its first it may be put off as long as
    /// one would be now.
    pub(super) fn after_predecessor_ms(
        &self,
        predecessor: &Delivery,
        endpoint: Option<&Endpoint>,
    ) -> u64 {
        let now = self.context.now();
        let behind_ms = endpoint.map_or(0, |endpoint| {
            let allowed = self.allowed(endpoint);
            self.pace.behind_ms(&endpoint.id, allowed, now)
        });
        let due_ms = match (predecessor.state, predecessor.next_at) {
            (DeliveryState::Held, _) => PREDECESSOR_DELAY_MAX_MS,
            (_, due) => due.map_or(0, |due| due.since_ms(now)).max(behind_ms),
        };
        due_ms.clamp(PREDECESSOR_DELAY_MS, PREDECESSOR_DELAY_MAX_MS)
    }

    /// A place among the callbacks under way to an endpoint.
    pub(super) fn place(&self, endpoint: &Endpoint, delivery: &Delivery) -> Result<Place, Busy> {
        let now = self.context.now();
        let found = self.pace.take(&endpoint.id, self.allowed(endpoint), now);
        if found.as_ref().err() != Some(&Busy::Full) {
            self.pace.has_come(&endpoint.id, &delivery.job(now).job);
        }
        found
    }
}
