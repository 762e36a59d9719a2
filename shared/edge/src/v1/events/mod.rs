//! The inbox of a pull endpoint: a page of its events, or a stream of them.

mod query;
mod stream;
mod view;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::Result;
use fluxgate_core::app::InboxPage;
use fluxgate_core::tenant::{Principal, Scope};
use tokio::time::Instant;

use self::query::Asked;
use self::view::{EventPageView, page_view};
use crate::accept::preferred;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::query::Query;
use crate::reads::Turn;
use crate::standing::Standing;
use crate::state::Edge;
use crate::waiting::Held;

/// The first is the default.
const OFFERS: [&str; 2] = ["application/json", "text/event-stream"];
/// Between two looks for the next event.
const LOOK: Duration = Duration::from_millis(400);

/// Read a pull endpoint's events
///
/// Of an endpoint of kind `pull`, oldest first, each with the body and the headers that its
/// callback would have. A request with a cursor acknowledges what was read up to it: those
/// deliveries count as delivered. Without a cursor it begins behind what is acknowledged. With
/// `Accept: text/event-stream` the events come as server-sent events whose `id` is the cursor;
/// `Last-Event-ID` resumes. An endpoint that nobody reads for a day is gone.
#[utoipa::path(
    get, path = "/v1/events", tag = "endpoints", operation_id = "read_events",
    params(
        ("endpoint" = String, Query, pattern = "^[0-9a-f]{32}$", description = "the id of a pull endpoint"),
        ("after" = Option<String>, Query, description = "the next of the page before, or the cursor of an event"),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "50 unless it is given"),
        ("wait" = Option<u8>, Query, minimum = 0, maximum = 25, description = "seconds that an empty page may wait for an event, 0 to 25; 0 unless it is given. A gateway on Lambda does not wait"),
        ("Last-Event-ID" = Option<String>, Header, description = "of a stream: the id of the last event received")),
    responses(
        (status = 200, description = "a page of events, or the stream of them", content((EventPageView = "application/json"), (String = "text/event-stream"))),
        (status = 404, description = "no such endpoint, or it has expired"),
        (status = 409, description = "not a pull endpoint"),
        (status = 429, description = "too many requests of the tenant wait for events, or for their turn to be read")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn events(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    held: Held,
    headers: HeaderMap,
    query: Query,
) -> std::result::Result<Response, Problem> {
    principal.require(Scope::Endpoints)?;
    let is_stream = preferred(&headers, &OFFERS) == Some(1);
    let asked = Asked::of(&query, &headers, is_stream)?;
    let reading = Reading {
        edge,
        standing: Standing::of(&principal),
        principal,
        asked,
        held,
    };
    if is_stream {
        return Ok(stream::stream(reading).await?);
    }
    let page = reading.page_in_time().await?;
    Ok(Json(page_view(&page)).into_response())
}

/// One request for events.
struct Reading {
    edge: Edge,
    standing: Standing,
    principal: Principal,
    asked: Asked,
    held: Held,
}

impl Reading {
    async fn acknowledge(&self) -> Result<()> {
        let Some(cursor) = &self.asked.after else {
            return Ok(());
        };
        let (tenant, endpoint) = (&self.principal.tenant, &self.asked.endpoint);
        self.edge.inbox.acknowledge(tenant, endpoint, cursor).await
    }

    /// Refused where too many reads of the tenant wait.
    async fn first_page(&self) -> Result<InboxPage> {
        let turn = self.edge.reads.turn(&self.principal.tenant).await?;
        self.read(turn).await
    }

    async fn page(&mut self) -> Result<InboxPage> {
        self.standing.check(&self.edge).await?;
        let turn = self.edge.reads.next_turn(&self.principal.tenant).await?;
        self.read(turn).await
    }

    async fn read(&self, _turn: Turn) -> Result<InboxPage> {
        let asked = &self.asked;
        let tenant = &self.principal.tenant;
        self.edge
            .inbox
            .read(tenant, &asked.endpoint, asked.after.as_ref(), asked.limit)
            .await
    }

    /// Until there is an event, or the time that the request may take is over.
    async fn page_in_time(mut self) -> Result<InboxPage> {
        self.acknowledge().await?;
        let may_wait = Duration::from_millis(self.edge.inbox.event_stream_max_ms());
        let until = Instant::now() + self.asked.wait.min(may_wait);
        let mut page = self.first_page().await?;
        let waits = page.events.is_empty() && Instant::now() < until;
        let _place = if waits {
            self.held.mark();
            Some(self.edge.event_streams.enter(&self.principal.tenant)?)
        } else {
            None
        };
        while page.events.is_empty() && self.pause(until).await {
            self.asked.after = Some(page.next);
            page = self.page().await?;
        }
        Ok(page)
    }

    /// False when the time is over, or the process stops.
    async fn pause(&self, until: Instant) -> bool {
        if Instant::now() >= until {
            return false;
        }
        let mut stopping = self.edge.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep_until((Instant::now() + LOOK).min(until)) => true,
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}
