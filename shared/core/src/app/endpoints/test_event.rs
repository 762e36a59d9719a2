//! A sample event, sent at once, that says what came back.

use super::Endpoints;
use crate::app::attempt::attempt_of;
use crate::base::error::{Reason, Result};
use crate::base::id::{DeliveryId, EndpointId, EventId, TenantId};
use crate::base::trace_context::TraceContext;
use crate::domain::webhook::{Attempt, Delivery, Endpoint, EventType, Notice, notice_body};
use crate::port::Ids as _;

/// How often a sample is told that an inbox was read past.
const TELLINGS_MAX: usize = 8;

/// What a test event was, and what came of it.
#[derive(Debug)]
pub struct TestOutcome {
    pub event_id: EventId,
    /// `None` where it waits to be read.
    pub attempt: Option<Attempt>,
}

impl Endpoints {
    /// Sends a sample of this type to the endpoint, enabled or not. It is signed as any other,
    /// tried once, and counts for nothing. For an endpoint that is read it waits in the inbox.
    ///
    /// Kind `NotFound` as in [`Self::get`]; kind `Busy` with code `too_many_tests`.
    pub async fn test(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        event: EventType,
    ) -> Result<TestOutcome> {
        let endpoint = self.get(tenant, id).await?;
        let started = self.context.now();
        let _place = self.tests.take(tenant, started)?;
        let notice = Notice {
            tenant: tenant.clone(),
            id: self.context.entropy.event_id(started),
            event,
            at: started,
            data: event.sample(started),
        };
        let body = notice_body(&notice);
        let trace = TraceContext::of_event(&notice.id);
        let request = self
            .callbacks
            .to_endpoint(&endpoint, &notice.id, &trace, body);
        let Some(request) = request.await? else {
            return self.put_in_inbox(&endpoint, &notice).await;
        };
        let outcome = self.callbacks.send(request).await;
        Ok(TestOutcome {
            event_id: notice.id,
            attempt: Some(attempt_of(&outcome, started, self.context.now())),
        })
    }

    /// Whatever event types it names. Told anew while the inbox was read past the moment.
    async fn put_in_inbox(&self, endpoint: &Endpoint, notice: &Notice) -> Result<TestOutcome> {
        let mut again = 1..TELLINGS_MAX;
        loop {
            let delivery = endpoint.addressed(Delivery::new(
                endpoint.tenant.clone(),
                DeliveryId::of_notice(&notice.id, 0),
                notice.event,
                endpoint.target(),
                self.context.now(),
            ));
            let deliveries = [delivery];
            let told = self.context.deliveries().publish(notice, &deliveries);
            match told.await {
                Err(error) if error.is(Reason::EventLate) && again.next().is_some() => {}
                told => break told?,
            }
        }
        Ok(TestOutcome {
            event_id: notice.id.clone(),
            attempt: None,
        })
    }
}
