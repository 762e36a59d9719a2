//! The inbox of a pull endpoint: its events in the order of their times, each as its callback
//! would be.

use futures::future::try_join_all;

use super::traced::trace_of;
use super::{Callbacks, Context};
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::{DeliveryId, EndpointId, EventId, TaskId, TenantId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::base::trace_context::TraceContext;
use crate::domain::webhook::{
    AHEAD_MAX, Delivery, DeliveryCursor, DeliveryQuery, DeliverySignal, Endpoint, EndpointKind,
    EventType, InboxCursor, Pull, SignedHeaders, Stretch, transition,
};
use crate::port::Ids as _;
use crate::port::errors::no_such_endpoint;

/// Deliveries that are acknowledged at a time.
const AT_A_TIME: usize = 16;
/// Deliveries that are looked at together for an acknowledgement.
const PAGE: usize = 100;
/// How often one reading looks for events. Each look without any makes room for the next, or passes
/// by what is cancelled or gone.
const LOOKS_MAX: usize = 8;
/// A pull endpoint's expiry is written anew when this part of its time is over: reading costs no
/// write otherwise.
const RENEWAL_PART: u64 = 24;

/// The tenant's use cases of inboxes.
pub struct Inbox {
    context: Context,
    callbacks: Callbacks,
}

/// Some events, and where to read on.
#[derive(Debug)]
pub struct InboxPage {
    pub events: Vec<InboxEvent>,
    pub next: InboxCursor,
    /// Nothing waits behind them.
    is_read: bool,
}

/// An event as its callback would be, signed now.
#[derive(Debug)]
pub struct InboxEvent {
    pub id: EventId,
    pub event: EventType,
    pub at: Timestamp,
    pub task: Option<TaskId>,
    pub delivery: DeliveryId,
    pub headers: SignedHeaders,
    pub extra: Vec<(String, Secret)>,
    pub trace: TraceContext,
    pub body: Vec<u8>,
    /// Behind this event.
    pub cursor: InboxCursor,
}

impl Inbox {
    pub fn new(callbacks: Callbacks) -> Self {
        Self {
            context: callbacks.context.clone(),
            callbacks,
        }
    }

    pub fn event_stream_max_ms(&self) -> u64 {
        self.context.bounds.relay.event_stream_max_ms
    }

    /// At most `limit` events behind the cursor; without one, those that are not acknowledged.
    /// None only where nothing waits. Reading keeps the endpoint from expiring, and acknowledges
    /// nothing.
    ///
    /// Kind `NotFound` for foreign and unknown ids and for a pull endpoint that has expired; kind
    /// `Conflict` with code `push_endpoint` for an endpoint that is called; kind `Invalid` with
    /// code `invalid_cursor`.
    pub async fn read(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        after: Option<&InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage> {
        let mut page = self.look(tenant, id, after, None, limit).await?;
        for _ in 1..LOOKS_MAX {
            if !page.events.is_empty() || page.is_read {
                break;
            }
            let next = Some(page.next);
            page = self.look(tenant, id, after, next, limit).await?;
        }
        Ok(page)
    }

    /// One look at what lies behind the cursor, or behind where the look before has come.
    async fn look(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        after: Option<&InboxCursor>,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPage> {
        let (endpoint, pull) = self.pulled(tenant, id).await?;
        let cursor = match before.as_ref().or(after) {
            Some(cursor) => checked(cursor, &pull)?.clone(),
            None => InboxCursor::behind(pull.acknowledged.clone()),
        };
        let query = query(&endpoint, cursor.passed.clone(), limit + AHEAD_MAX);
        let found = self.context.deliveries().list(tenant, &query).await?;
        let is_whole = found.next.is_none();
        let mut stretch = Stretch::new(cursor, found.deliveries, is_whole, pull.read_to);
        if after.is_none() {
            stretch.skip_delivered();
        }
        let handed = stretch.hand_out(limit);
        self.keep(&endpoint, &pull, &stretch).await?;
        let events = handed
            .iter()
            .map(|(delivery, cursor)| self.event(&endpoint, delivery, cursor));
        let events = try_join_all(events).await?;
        Ok(InboxPage {
            events: events.into_iter().flatten().collect(),
            next: stretch.cursor().clone(),
            is_read: stretch.is_read(),
        })
    }

    /// What was handed out up to the cursor counts as delivered. Acknowledging twice changes
    /// nothing.
    ///
    /// Kinds as in [`Self::read`].
    pub async fn acknowledge(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        cursor: &InboxCursor,
    ) -> Result<()> {
        let (endpoint, pull) = self.pulled(tenant, id).await?;
        checked(cursor, &pull)?;
        if cursor.passed > pull.acknowledged {
            self.acknowledge_passed(&endpoint, &pull, cursor).await?;
        }
        if cursor.is_ahead() {
            let query = query(&endpoint, cursor.passed.clone(), PAGE + AHEAD_MAX);
            let page = self.context.deliveries().list(tenant, &query).await?;
            let listed = page.deliveries.iter().filter(|it| cursor.lists(it));
            self.settle(listed.collect()).await?;
        }
        Ok(())
    }

    /// Deliveries first: an acknowledgement that breaks off is made again from where the endpoint
    /// says.
    async fn acknowledge_passed(
        &self,
        endpoint: &Endpoint,
        pull: &Pull,
        cursor: &InboxCursor,
    ) -> Result<()> {
        let mut after = pull.acknowledged.clone();
        loop {
            let query = query(endpoint, after, PAGE);
            let page = self
                .context
                .deliveries()
                .list(&endpoint.tenant, &query)
                .await?;
            let passed = |delivery: &&Delivery| Some(delivery.cursor()) <= cursor.passed;
            let deliveries: Vec<_> = page.deliveries.iter().filter(passed).collect();
            let goes_on = deliveries.len() == page.deliveries.len();
            self.settle(deliveries).await?;
            after = page.next.filter(|_| goes_on);
            if after.is_none() {
                break;
            }
        }
        let pull = Pull {
            acknowledged: cursor.passed.clone(),
            ..pull.clone()
        };
        self.write(endpoint, pull).await
    }

    async fn settle(&self, deliveries: Vec<&Delivery>) -> Result<()> {
        for some in deliveries.chunks(AT_A_TIME) {
            try_join_all(some.iter().map(|delivery| self.settle_one(delivery))).await?;
        }
        Ok(())
    }

    async fn settle_one(&self, delivery: &Delivery) -> Result<()> {
        let now = self.context.now();
        let Ok(after) = transition(delivery, DeliverySignal::Acknowledge, now) else {
            return Ok(());
        };
        match self.context.deliveries().update(&after, None).await {
            // Another reader was first.
            Err(error) if error.is(Reason::VersionMoved) => Ok(()),
            written => written,
        }
    }

    /// `None` for an event whose task is gone or was deleted.
    async fn event(
        &self,
        endpoint: &Endpoint,
        delivery: &Delivery,
        cursor: &InboxCursor,
    ) -> Result<Option<InboxEvent>> {
        let found = self
            .context
            .deliveries()
            .get(&delivery.tenant, &delivery.id);
        let (delivery, about) = match found.await {
            Err(error) if error.is(Reason::NoRecord) => return Ok(None),
            found => found?,
        };
        if about.is_deleted() {
            return Ok(None);
        }
        let body = self.callbacks.body(&delivery, &about, endpoint.payload);
        let body = body.await?;
        let id = delivery.event_id();
        let (headers, extra) = self.callbacks.signed(endpoint, &id, &body).await?;
        let trace = trace_of(&about).hop(self.context.entropy.u64());
        Ok(Some(InboxEvent {
            id,
            event: delivery.event,
            at: delivery.created_at,
            task: delivery.task,
            delivery: delivery.id,
            headers,
            extra,
            trace,
            body,
            cursor: cursor.clone(),
        }))
    }

    /// Writes what reading means for the endpoint, if that is anything. The next reading does it
    /// where somebody else changed the endpoint meanwhile.
    async fn keep(&self, endpoint: &Endpoint, pull: &Pull, stretch: &Stretch) -> Result<()> {
        let (now, bounds) = (self.context.now(), &self.context.bounds);
        let mut after = pull.clone();
        let unread_max_ms = bounds.relay.inbox_unread_max_ms;
        let expires_at = now.plus_ms(unread_max_ms);
        if expires_at.since_ms(pull.expires_at) > unread_max_ms / RENEWAL_PART {
            after.expires_at = expires_at;
        }
        let settle_ms = i64::try_from(bounds.relay.inbox_settle_ms).unwrap_or(i64::MAX);
        let settled = Timestamp(now.0.saturating_sub(settle_ms));
        if stretch.would_pass(settled) {
            after.read_to = after.read_to.max(settled);
        }
        if let Some(room) = stretch.makes_room_at() {
            after.read_to = after.read_to.max(room);
        }
        if after == *pull {
            return Ok(());
        }
        self.write(endpoint, after).await
    }

    async fn write(&self, endpoint: &Endpoint, pull: Pull) -> Result<()> {
        let after = Endpoint {
            version: endpoint.version + 1,
            kind: EndpointKind::Pull { pull },
            ..endpoint.clone()
        };
        match self.context.endpoints().update(&after).await {
            Err(error) if error.is(Reason::VersionMoved) => Ok(()),
            written => written,
        }
    }

    async fn pulled(&self, tenant: &TenantId, id: &EndpointId) -> Result<(Endpoint, Pull)> {
        let endpoint = self.context.endpoints().get(tenant, id).await?;
        if endpoint.is_expired(self.context.now()) {
            return match self.context.endpoints().delete(tenant, id).await {
                Err(error) if error.kind != Kind::NotFound => Err(error),
                _ => Err(no_such_endpoint()),
            };
        }
        let Some(pull) = endpoint.pull().cloned() else {
            let text = format!("the endpoint '{id}' is called; only a pull endpoint is read");
            return Err(Error::new(Kind::Conflict, "push_endpoint", text));
        };
        Ok((endpoint, pull))
    }
}

fn query(endpoint: &Endpoint, after: Option<DeliveryCursor>, limit: usize) -> DeliveryQuery {
    DeliveryQuery {
        target: Some(endpoint.target()),
        oldest_first: true,
        consistent: true,
        after,
        limit,
        ..DeliveryQuery::default()
    }
}

/// A cursor that passes what the endpoint has not read was never handed out.
fn checked<'a>(cursor: &'a InboxCursor, pull: &Pull) -> Result<&'a InboxCursor> {
    let is_of_endpoint = cursor
        .passed
        .as_ref()
        .is_none_or(|place| place.at <= pull.read_to);
    if is_of_endpoint {
        return Ok(cursor);
    }
    let text = "it is no cursor of this endpoint; give the 'next' of the page before as it came";
    Err(Error::invalid("invalid_cursor", text))
}
