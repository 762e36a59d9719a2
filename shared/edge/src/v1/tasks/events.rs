//! A task's timeline as server-sent events, while it grows. The connection ends after a bound, and
//! the client comes back with the id of the last event that it has.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::Result;
use fluxgate_core::app::Progress;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::tenant::Scope;
use futures::Stream;
use futures::stream::unfold;
use tokio::time::Instant;

use super::position::Position;
use super::task_id;
use super::timeline::StepView;
use super::view::TaskView;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::event_streams::Place;
use crate::path::Path;
use crate::query::Query;
use crate::standing::Standing;
use crate::state::Edge;

/// What a client waits before it comes back, and how often a comment keeps the connection from
/// being idle (WHATWG HTML, 9.2).
const RETRY: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two looks at the task: shortly after something happened, and at most.
const LOOK_FIRST: Duration = Duration::from_millis(200);
const LOOK_MAX: Duration = Duration::from_secs(2);
/// Lines that wait to be written: more than these are read when they are.
const LINES_MAX: usize = 50;

/// Follow a task
///
/// Server-sent events: `step` for each line of its timeline, as in `/v1/tasks/{id}/timeline`;
/// `state` with the task, as `GET /v1/tasks/{id}` gives it, when its state is another; `end` with
/// the task when it has ended, and then the stream ends. `Last-Event-ID` resumes without a gap and
/// without an event twice; behind the `end` the answer is 204. A connection ends after a while, on
/// AWS at once: come back after `retry`.
#[utoipa::path(
    get, path = "/v1/tasks/{id}/events", tag = "tasks", operation_id = "task_events",
    params(("id" = String, Path, description = "the task's id"),
        ("after" = Option<String>, Query, description = "as Last-Event-ID, for clients that cannot send it"),
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event received")),
    responses(
        (status = 200, description = "the events", body = String, content_type = "text/event-stream"),
        (status = 204, description = "the task has ended, and all of it was told"),
        (status = 400, description = "an id that no event has"),
        (status = 404, description = "unknown, deleted, or another tenant's"),
        (status = 429, description = "too many streams of the tenant are open")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn events(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> std::result::Result<Response, Problem> {
    principal.require(Scope::Read)?;
    let id = task_id(&id)?;
    let position = Position::asked(&query, &headers)?;
    let place = edge.event_streams.enter(&principal.tenant)?;
    let bound = Duration::from_millis(edge.gateway.bounds().relay.event_stream_max_ms);
    let mut flow = Flow {
        edge,
        standing: Standing::of(&principal),
        tenant: principal.tenant,
        id,
        position,
        until: Instant::now() + bound,
        pause: LOOK_FIRST,
        waiting: VecDeque::new(),
        is_over: false,
        _place: place,
    };
    // Before the answer begins, so that what cannot be has its own status.
    let (gateway, seen) = (&flow.edge.gateway, flow.position.lines);
    let progress = gateway.progress(&flow.tenant, &flow.id, seen).await?;
    flow.take(progress).await?;
    if flow.is_over && flow.waiting.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    flow.waiting.push_front(Event::default().retry(RETRY));
    let heartbeat = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(told(flow)).keep_alive(heartbeat).into_response())
}

/// What is under way of one stream. It reads on when what it has is written, so that a client that
/// stalls holds no more than that.
struct Flow {
    edge: Edge,
    standing: Standing,
    tenant: TenantId,
    id: TaskId,
    position: Position,
    until: Instant,
    pause: Duration,
    waiting: VecDeque<Event>,
    is_over: bool,
    _place: Place,
}

fn told(flow: Flow) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(flow, |mut flow| async {
        let event = flow.next().await?;
        Some((Ok(event), flow))
    })
}

impl Flow {
    /// `None` at the end: the client asks again, and is told why if there is nothing to read.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.is_over || !self.paused().await {
                return None;
            }
            if let Err(error) = self.look().await {
                let (task, error) = (&self.id, error.with_causes());
                tracing::debug!(task.id = %task, error, "a stream of a task's events ends early");
                return None;
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        self.standing.check(&self.edge).await?;
        let (gateway, seen) = (&self.edge.gateway, self.position.lines);
        let further = gateway.further_progress(&self.tenant, &self.id, seen);
        match further.await? {
            Some(progress) => {
                self.pause = LOOK_FIRST;
                self.take(progress).await
            }
            None => {
                self.pause = (self.pause * 5 / 4).min(LOOK_MAX);
                Ok(())
            }
        }
    }

    /// The lines first, then the state that they led to.
    async fn take(&mut self, progress: Progress) -> Result<()> {
        let Progress { task, steps, lines } = progress;
        // A client may name a line that there is not.
        self.position.lines = self.position.lines.min(lines);
        for step in steps.iter().take(LINES_MAX) {
            self.position.lines += 1;
            let view = StepView::of(step, task.created_at);
            let event = Event::default().id(self.position.text()).event("step");
            // A view has string keys and finite numbers: it is always JSON.
            self.waiting.extend(event.json_data(view));
        }
        if steps.len() > LINES_MAX {
            return Ok(());
        }
        self.is_over = task.state.is_end();
        if self.position.state == Some(task.state) {
            return Ok(());
        }
        self.position.state = Some(task.state);
        let name = if self.is_over { "end" } else { "state" };
        let view = TaskView::of(&self.edge, &task).await?;
        let event = Event::default().id(self.position.text()).event(name);
        self.waiting.extend(event.json_data(view));
        Ok(())
    }

    /// False when the time is over, or the process stops.
    async fn paused(&self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        let mut stopping = self.edge.stopping.clone();
        tokio::select! {
            () = tokio::time::sleep_until((Instant::now() + self.pause).min(self.until)) => true,
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}
